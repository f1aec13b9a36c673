"""What user code reads of a message, by its source."""

from __future__ import annotations

import json
import shlex
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


INFER = "class A:\n    def infer(self, inp, context):\n        return "


def tensor(dtype: str, value: Any, count: int) -> dict[str, Any]:
    values = {f"flat_{dtype}": [value] * count}
    one = {"name": "x", "dtype": f"DT_{dtype.upper()}", "shape": [1, count], **values}
    return {"gtensors": {"tensors": [one]}}


@pytest.mark.parametrize(
    ("code", "sent"),
    [
        ("int(inp.gmap.s_f['threshold'])", {"gmap": {"s_f": {"threshold": 1.0}}}),
        (
            "'a' in inp.gmap.s_s and inp.gmap.s_i64.get('b', 3)",
            {"gmap": {"s_s": {"a": "value"}, "s_i64": {"b": 1}}},
        ),
        ("inp.gmap.s_b, out.gmap.s_s.update(x=1)", {"gmap": {"s_b": {"key": "dmFsdWU="}}}),
        ("json.loads(inp.str_data)['prompt']", {"str_data": '{"prompt": "some text"}'}),
        ("json.loads(inp.str_data)", {"str_data": '{"key": "some text"}'}),
        ("inp.WhichOneof('data_oneof') == 'gmap'", {"gmap": {"s_s": {"key": "value"}}}),
        ("inp.gtensors.tensors[0].flat_int64", tensor("int64", 1, 2)),
        ("inp.gtensors.tensors[0].flat_string", tensor("string", "some text", 1)),
        (
            "out.flat_float64.extend(inp.gtensors.tensors[0].flat_int32)",
            tensor("int32", 1, 2),
        ),
    ],
)
def test_keys_and_types_are_those_that_are_read(
    tmp_path: Path, code: str, sent: dict[str, Any]
) -> None:
    found = data_of(tmp_path, f"{INFER}{code}\n")
    assert found is not None
    (*_, flag, body) = shlex.split(found)
    assert (flag, json.loads(body)) == ("-d", sent)


def test_bytes_by_the_kind_that_is_compared(tmp_path: Path) -> None:
    code = "match inp.WhichOneof('data_oneof'):\n            case 'bin_data':\n                pass"
    found = data_of(tmp_path, INFER.replace("return ", code))
    assert found is not None
    assert found.endswith("-d 'some bytes'")
