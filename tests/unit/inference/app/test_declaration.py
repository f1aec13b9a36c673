"""``@grps.model``: what is declared, what ``inference.yml`` gets of it, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest

import grps
from grps.errors import ConfigError, ModelError
from grps.inference.app.declaration import Declared, declare
from grps.inference.app.described import RequestForm, entry_of, request_of
from grps.inference.app.files import import_app, require
from grps.inference.app.names import file_of, name_of
from grps.inference.registry import inferer_register


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inferer_register, "_inferers", {})


def double(x: np.ndarray) -> np.ndarray:
    return 2 * x


def texts(texts: list[str]) -> list[str]:
    return texts


def pieces(text: str) -> Iterator[str]:
    yield text


async def later(x: np.ndarray) -> np.ndarray:
    return x


class Model:
    def load(self, device: str) -> None:
        self.device = device

    def infer(self, x: np.ndarray) -> np.ndarray:
        return x


def declared(target: Any, **options: Any) -> Declared:
    return declare(target, None, options)


def test_a_model_stays_what_it_was() -> None:
    assert grps.model(double) is double
    assert grps.model(name="twice")(double) is double
    assert [*inferer_register.model_inferer_dict] == ["double"]


def test_entries_of_inference_yml() -> None:
    entry = {"inferer_type": "customized", "version": "1.0.0"}
    plain = {**entry, "name": "double", "inferer_name": "a.py:double", "converter_type": "numpy"}
    assert entry_of(declared(double), "a.py:double") == plain
    own = entry_of(declare(double, "twice", {"version": "2", "instances": 3}), "a.py:double")
    assert own == {**plain, "name": "twice", "version": "2", "instances": 3}
    batching = {"type": "dynamic", "max_batch_size": 8}
    assert entry_of(declared(double, max_batch_size=8), "a.py:double") == {
        **plain,
        "batching": batching,
    }
    found = entry_of(declared(Model, max_batch_size=8, isolation="process"), "a.py:Model")
    assert (found["batching"], found["isolation"]) == (batching, "process")
    image = entry_of(declared(double, converter="image", converter_args={"size": 8}), "a.py:double")
    assert (image["converter_type"], image["converter_args"]) == ("image", {"size": 8})
    for target in (pieces, later, texts):
        assert entry_of(declared(target), "x")["converter_type"] == "none"


def test_an_example_of_a_request() -> None:
    assert request_of(declared(double)) is None
    assert request_of(declared(pieces)) == RequestForm("text", "some text")

    def several(name: str, times: int) -> dict: ...  # type: ignore[empty-body, type-arg]

    example = '{"name": "some text", "times": 1}'
    assert request_of(declared(several)) == RequestForm("json", example)

    def mixed(x: np.ndarray, y: Annotated[np.ndarray, "string[?, 1]"], n: int) -> None: ...

    example = '{"x": [[1, 1]], "y": [["some text"]], "n": 1}'
    assert request_of(declared(mixed)) == RequestForm("json", example)

    def nothing() -> str: ...  # type: ignore[empty-body]

    assert request_of(declared(nothing)) == RequestForm("json", "{}")
    assert request_of(declared(later)) is None


@pytest.mark.parametrize(
    ("target", "options", "text"),
    [
        (double, {"max_batchsize": 1}, "@grps.model has no argument 'max_batchsize'; it has: name"),
        (double, {"max_batch_size": 0}, "max_batch_size 0 is not a number from 1 on"),
        (double, {"isolation": "vm"}, "isolation 'vm' is neither 'thread' nor 'process'"),
        (double, {"version": "a/b"}, "version 'a/b' is not 1 to 128 letters"),
        (double, {"converter_args": {"size": 1}}, "converter_args and converter_path need conv"),
        (later, {"max_batch_size": 2}, "max_batch_size needs a plain function"),
        (later, {"isolation": "process"}, "async def needs isolation 'thread'"),
        (pieces, {"max_batch_size": 2}, "max_batch_size needs a plain function"),
        (pieces, {"converter": "image"}, "converter 'image' makes arrays"),
        (later, {"converter": "image"}, "no generator and no async def"),
        (3, {}, "@grps.model is for a function or a class, not int"),
        (type("Empty", (), {}), {}, "class Empty has no method infer"),
        (lambda x: x, {}, "name '<lambda>' is not 1 to 128 letters"),
    ],
)
def test_faults(target: Any, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        declared(target, **options)


def test_a_batch_of_texts_is_a_list() -> None:
    def one(text: str) -> str:
        return text

    with pytest.raises(ConfigError, match="annotate it as list\\[str\\], and return a list"):
        declared(one, max_batch_size=2)
    assert declared(texts, max_batch_size=2).takes_lists


def test_a_fault_names_the_line() -> None:
    with pytest.raises(ConfigError, match=r"test_declaration\.py:\d+: class Nothing has no method"):

        @grps.model
        class Nothing:
            """It does nothing."""


def test_files(tmp_path: Path) -> None:
    app = tmp_path / "some_app.py"
    app.write_text("import grps\n\n\n@grps.model\ndef f(x):\n    return x\n")
    found = import_app(app, "models/some_app.py")
    assert [*found] == ["f"]
    assert inferer_register.get_model_inferer("models/some_app.py:f") is found["f"]
    with pytest.raises(ModelError, match="no model is called 'g'"):
        require(app, "g", found)
    assert (file_of(name_of("a/b.py", "f")), file_of("f"), file_of(None)) == ("a/b.py", None, None)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("x = (\n", r"app\.py:1: '\(' was never closed"),
        ("\nimport nothing_of_this_name\n", r"app\.py:2: ModuleNotFoundError.*-m pip install noth"),
        (
            "def f():\n    return 1 / 0\n\n\nf()\n",
            r"app\.py:2: ZeroDivisionError: division by zero",
        ),
        ("raise SystemExit(3)\n", r"app\.py:1: SystemExit: 3"),
        ("x = 1\n", "no model; put @grps.model before a function or a class"),
        (
            "import grps\n\n@grps.model(name='m')\ndef f(x): ...\n\n@grps.model(name='m')\n"
            "def g(x): ...\n",
            r"app\.py:6: the model 'm' is there already in line 3",
        ),
        (
            "import grps\n\n@grps.model\ndef f(x): ...\n\n@grps.model(name='m')\ndef f(x): ...\n",
            r"app\.py:6: f would replace the model of this name at .*app\.py:3; give one of them",
        ),
        ("import grps\n\n@grps.model\ndef f(x: set): ...\n", r"app\.py:3: parameter 'x' is set"),
    ],
)
def test_a_file_with_a_fault(tmp_path: Path, code: str, text: str) -> None:
    app = tmp_path / "app.py"
    app.write_text(code)
    with pytest.raises(ModelError, match=text):
        import_app(app)
