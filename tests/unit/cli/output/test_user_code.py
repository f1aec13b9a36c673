"""What user code reads of a message, by its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grps.cli.output.user_code import message_data
from grps.config.schema import ModelConfig

BOTH = """
class A:
    def postprocess(self, inp, context):
        return inp.bin_data

    def infer(self, inp, context):
        out = GrpsMessage()
        out.bin_data = b""
        return inp.str_data

class B:
    async def infer(self, inp, context):
        return inp.HasField("gmap")

b = B()
inferer_register.register("a", A())
inferer_register.register("b", b)
inferer_register.register("c", make())
"""


def data_of(folder: Path, code: str, **keys: Any) -> str | None:
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "customized_inferer.py").write_text(code)
    given = {"inferer_type": "customized", "inferer_name": "a", **keys}
    return message_data(folder, ModelConfig(name="m", version="1", **given))


@pytest.mark.parametrize(("name", "part"), [("a", "str_data"), ("b", "gmap"), ("c", "str_data")])
def test_the_registered_class_decides(tmp_path: Path, name: str, part: str) -> None:
    found = data_of(tmp_path, BOTH, inferer_name=name)
    assert found is not None
    assert part in found


@pytest.mark.parametrize(
    ("code", "keys"),
    [
        ("class A:\n    def infer(self, inp, context):\n        return inp.gtensors", {}),
        ("class A:\n    pass", {}),
        ("class A(:", {}),
        ("a = inp.str_data", {"inferer_type": "torch"}),
        ("a = inp.str_data", {"converter_type": "customized", "converter_name": "x"}),
    ],
)
def test_else_an_array_is_sent(tmp_path: Path, code: str, keys: dict[str, Any]) -> None:
    assert data_of(tmp_path, code, **keys) is None
