"""Tensors as raw bytes over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnx
import onnx.parser
import pytest

from tests.support import RunningServer, serving, user_model, write_user_project

RAW = "application/octet-stream"

CODE = """
import numpy as np

from grps import GrpsMessage, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        pass

    def load(self):
        return True


class Flip(Plain):
    def infer(self, inp, context):
        x = inp["input"]
        assert x.flags.c_contiguous and x.flags.aligned
        return {"y": x[..., ::-1]}


class Both(Plain):
    def infer(self, inp, context):
        return {"y": inp["input"], "z": inp["input"]}


class Text(Plain):
    def infer(self, inp, context):
        return {"y": np.array(["a", "b"], object)}


class Sum(Plain):
    def infer(self, inp, context):
        tensor = inp.gtensors.tensors[0]
        return GrpsMessage(str_data=f"{list(tensor.shape)} {sum(tensor.flat_float32)}")


for cls in (Flip, Both, Text, Sum):
    inferer_register.register(cls.__name__.lower(), cls())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("raw")
    text = '<ir_version: 8, opset_import: ["" : 17]> m (int64[n, 2] x) => (int64[n, 2] y) '
    onnx.save(onnx.parser.parse_model(text + "{ y = Add(x, x) }"), folder / "m.onnx")
    numpy_models = [user_model(n, converter_type="numpy") for n in ("flip", "both", "text")]
    engine = {"name": "twice", "version": "1.0.0", "inferer_type": "onnxruntime"}
    engine["inferer_path"] = str(Path(folder) / "m.onnx")
    models: list[dict[str, Any]] = [*numpy_models, user_model("sum"), engine]
    with serving(write_user_project(folder, models, code=CODE)) as running:
        yield running


def ask(server: RunningServer, query: str, body: bytes, accept: str = RAW) -> httpx.Response:
    url = f"http://127.0.0.1:{server.ports[0]}/grps/v1/infer/predict?{query}"
    return httpx.post(url, content=body, headers={"Content-Type": RAW, "Accept": accept})


@pytest.mark.parametrize(
    "dtype",
    ["uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"],
)
def test_every_type_goes_both_ways(server: RunningServer, dtype: str) -> None:
    x = np.arange(24).astype(dtype).reshape(2, 3, 4)
    answer = ask(server, f"model=flip&shape=2,3,4&dtype={dtype}", x.tobytes())
    assert answer.headers["Content-Type"] == RAW
    assert (answer.headers["X-Grps-Dtype"], answer.headers["X-Grps-Shape"]) == (dtype, "2,3,4")
    assert answer.content == x[..., ::-1].tobytes()


def test_a_large_one_over_many_reads(server: RunningServer) -> None:
    x = np.random.default_rng(0).random((3, 1000, 1000), np.float32)
    answer = ask(server, "model=flip&shape=3,1000,1000", x.tobytes())
    assert answer.content == x[..., ::-1].tobytes()


def test_the_type_is_that_of_the_only_input(server: RunningServer) -> None:
    x = np.array([[1, 2**60]], np.int64)
    answer = ask(server, "model=twice&shape=1,2", x.tobytes())
    assert np.frombuffer(answer.content, np.int64).tolist() == [2, 2**61]
    wrong = ask(server, "model=twice&shape=1,4&dtype=float32", x.tobytes())
    assert wrong.status_code == 400
    assert "int64" in wrong.json()["status"]["msg"]


def test_json_is_the_answer_unless_bytes_are_asked_for(server: RunningServer) -> None:
    x = np.array([1, 2], np.float32)
    for accept in ("*/*", "application/json"):
        tensors = ask(server, "model=flip&shape=2", x.tobytes(), accept).json()["gtensors"]
        assert tensors["tensors"][0]["flat_float32"] == [2.0, 1.0]
    nested = ask(server, "model=flip&shape=2&return-ndarray=true", x.tobytes())
    assert nested.json()["ndarray"] == [2.0, 1.0]


def test_code_that_takes_messages_gets_one(server: RunningServer) -> None:
    x = np.array([[1, 2.5]], np.float32)
    assert ask(server, "model=sum&shape=1,2", x.tobytes()).json()["str_data"] == "[1, 2] 3.5"


@pytest.mark.parametrize(
    ("query", "length", "expected"),
    [
        ("shape=2", 7, "the body has 7 bytes, which is no float32 of shape [2]"),
        ("shape=2", 9, "the body has 9 bytes, which is no float32 of shape [2]"),
        ("shape=2x", 8, 'shape is "2x", give sizes such as 1,3,224,224'),
        ("shape=2&dtype=float", 8, "dtype is not known, give one of uint8, int8, int16"),
        ("shape=2&dtype=string", 8, "a tensor of strings can't be sent as raw bytes"),
        ("shape=" + ",".join(["1"] * 33), 4, "shape has more than 32 dimensions"),
    ],
)
def test_bad_input_is_refused(
    server: RunningServer, query: str, length: int, expected: str
) -> None:
    answer = ask(server, f"model=flip&{query}", bytes(length))
    assert answer.status_code == 400
    assert expected in answer.json()["status"]["msg"]


def test_answers_that_are_no_single_tensor_are_told(server: RunningServer) -> None:
    for model, expected in (("both", "returned 2 tensors"), ("text", "returned several strings")):
        answer = ask(server, f"model={model}&shape=1", bytes(4))
        assert answer.status_code == 400
        assert expected in answer.json()["status"]["msg"]


def test_a_large_body_of_json_is_read_by_another_thread(server: RunningServer) -> None:
    x = np.arange(3_000_000, dtype=np.float32).reshape(3, 1_000_000) / 8
    url = f"http://127.0.0.1:{server.ports[0]}/grps/v1/infer/predict?model=flip"
    nested = httpx.post(url + "&return-ndarray=true", json={"ndarray": x.tolist()}, timeout=60)
    assert np.array_equal(np.array(nested.json()["ndarray"], np.float32), x[..., ::-1])
