"""Strings that are no text, and nested arrays of every type, by HTTP and gRPC."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import requests

from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GrpsMessage
from tests.onnx_models import save_identity
from tests.support import RunningServer, serving, user_model, write_user_project

JPEG = b"\xff\xd8\xff\xe0 \x00"
B64 = {"b64": base64.b64encode(JPEG).decode()}
OCTETS = "application/octet-stream"

CODE = """
import numpy as np

from grps import GrpsMessage, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        pass

    def load(self):
        return True


class Same(Plain):
    '''Answers its arrays.'''

    def infer(self, inp, context):
        return inp


class Types(Plain):
    def infer(self, inp, context):
        (x,) = inp.values()
        dtype = {"text": object}.get(str(x[0]), str(x[0]))
        values = ["a", b"\\xff"] if dtype is object else [0, 1]
        return {"y": np.array([values], dtype)}


class Echo(Plain):
    '''Answers its message.'''

    def infer(self, inp, context):
        return inp


class Text(Plain):
    def infer(self, inp, context):
        return GrpsMessage(str_data="x")


for cls in (Same, Types, Echo, Text):
    inferer_register.register(cls.__name__.lower(), cls())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("bytes")
    models: list[dict[str, Any]] = [
        user_model("same", converter_type="numpy"),
        user_model("types", converter_type="numpy"),
        user_model("echo"),
        user_model("text"),
    ]
    for name, dtype in (("strings", "string"), ("longs", "int64"), ("floats", "float32")):
        path = save_identity(folder / f"{name}.onnx", dtype)
        engine = {"name": name, "version": "1.0.0", "inferer_type": "onnxruntime"}
        models.append({**engine, "inferer_path": str(path)})
    with serving(write_user_project(folder, models, code=CODE)) as running:
        yield running


def strings(elements: list[Any], name: str = "") -> dict[str, Any]:
    tensor = {"dtype": "DT_STRING", "shape": [len(elements)], "flat_string": elements}
    return {"gtensors": {"tensors": [{**tensor, "name": name} if name else tensor]}}


def only(response: requests.Response) -> Any:
    assert response.status_code == 200, response.text
    (tensor,) = response.json()["gtensors"]["tensors"]
    return tensor


@pytest.mark.parametrize("model", ["same", "echo"])
def test_bytes_are_base64_in_json(server: RunningServer, model: str) -> None:
    answer = only(server.post(strings([B64, "text"]), f"?model={model}"))
    assert answer["flat_string"] == [B64, "text"]
    text = {"b64": base64.b64encode(b"text").decode()}
    assert only(server.post(strings([text]), f"?model={model}"))["flat_string"] == ["text"]
    nested = only(server.post({"ndarray": [[B64], ["a"]]}, f"?model={model}"))
    assert (nested["shape"], nested["flat_string"]) == ([2, 1], [B64, "a"])


@pytest.mark.parametrize("model", ["same", "echo"])
def test_bytes_are_a_field_of_their_own_in_protobuf(server: RunningServer, model: str) -> None:
    tensor = GenericTensor(name="x", dtype=DataType.DT_STRING, shape=[2], flat_bytes=[JPEG, b"a"])
    request = GrpsMessage(model=f"{model}-1.0.0", gtensors={"tensors": [tensor]})
    with server.stub() as stub:
        answer = stub.Predict(request)
    assert answer.status.code == 200, answer.status.msg
    assert answer.gtensors.tensors[0] == tensor


def test_strings_that_are_no_text_are_taken_from_the_field_of_strings(
    server: RunningServer,
) -> None:
    tensor = GenericTensor(dtype=DataType.DT_STRING, shape=[1], flat_string=["12345 "])
    wire = GrpsMessage(model="same", gtensors={"tensors": [tensor]}).SerializeToString()
    with server.channel() as channel:
        call: Any = channel.unary_unary(
            "/grps.protos.v1.GrpsService/Predict", response_deserializer=GrpsMessage.FromString
        )
        answer = call(wire.replace(b"12345 ", JPEG))
    assert list(answer.gtensors.tensors[0].flat_bytes) == [JPEG]


@pytest.mark.parametrize(
    ("content_type", "query"),
    [
        (OCTETS, ""),
        ("image/jpeg", ""),
        (OCTETS, "&shape=1&dtype=string"),
        (OCTETS, "&shape=1"),
    ],
)
def test_a_body_is_the_only_string(server: RunningServer, content_type: str, query: str) -> None:
    url = f"{server.url()}?model=strings{query}"
    headers = {"Content-Type": content_type}
    assert only(requests.post(url, "é".encode(), headers=headers))["flat_string"] == ["é"]
    answer = requests.post(url, b"abc", headers={**headers, "Accept": OCTETS})
    assert answer.content == b"abc"
    assert (answer.headers["X-Grps-Dtype"], answer.headers["X-Grps-Shape"]) == ("string", "1")


def test_text_and_bytes_are_the_only_string(server: RunningServer) -> None:
    assert only(server.post({"str_data": "é"}, "?model=strings"))["flat_string"] == ["é"]
    with server.stub() as stub:
        for data in ({"str_data": "ab"}, {"bin_data": b"ab"}):
            answer = stub.Predict(GrpsMessage(model="strings", **data))
            assert list(answer.gtensors.tensors[0].flat_string) == ["ab"]
        refused = stub.Predict(GrpsMessage(model="longs", str_data="ab"))
    assert (refused.status.code, "got str_data" in refused.status.msg) == (400, True)


def test_an_engine_of_text_refuses_other_bytes(server: RunningServer) -> None:
    for elements in ([B64], ["a", B64]):
        refused = server.post(strings(elements), "?model=strings")
        assert refused.status_code == 400
        assert "takes text, got bytes that are not UTF-8" in refused.json()["status"]["msg"]


def test_nested_text_is_for_models_that_take_it(server: RunningServer) -> None:
    for model in ("strings", "same", "echo"):
        answer = only(server.post({"ndarray": ["a", "1"]}, f"?model={model}"))
        assert answer["flat_string"] == ["a", "1"]
    refused = server.post({"ndarray": ["a", "1"]}, "?model=floats")
    assert refused.status_code == 400
    assert 'expected a number, got the string "a"' in refused.json()["status"]["msg"]
    assert server.post({"ndarray": [1, "NaN"]}, "?model=longs").status_code == 400


def strict(response: requests.Response) -> Any:
    """The nested array of an answer that is strict JSON."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    assert response.status_code == 200, response.text
    return json.loads(response.text, parse_constant=refuse)["ndarray"]


def test_special_values_go_both_ways(server: RunningServer) -> None:
    special: list[Any] = ["NaN", "Infinity", "-Infinity", 1.5]
    for model in ("floats", "same", "echo"):
        asked = server.post({"ndarray": special}, f"?model={model}&return-ndarray=true")
        assert strict(asked) == special


@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "int8",
        "int16",
        "int32",
        "int64",
        "float16",
        "float32",
        "float64",
    ],
)
def test_a_nested_array_is_of_any_type(server: RunningServer, dtype: str) -> None:
    asked = server.post({"ndarray": [dtype]}, "?model=types&return-ndarray=true")
    assert strict(asked) == np.array([[0, 1]], dtype).tolist()


def test_a_nested_array_holds_strings(server: RunningServer) -> None:
    asked = server.post({"ndarray": ["text"]}, "?model=types&return-ndarray=true")
    assert strict(asked) == [["a", {"b64": "/w=="}]]
    big = server.post({"ndarray": [2**62]}, "?model=longs&return-ndarray=true")
    assert strict(big) == [2**62]


def test_what_the_client_asks_in_vain_is_not_the_models_failure(server: RunningServer) -> None:
    text = server.post({"str_data": "x"}, "?model=text&return-ndarray=true")
    raw = {"headers": {"Accept": OCTETS}}
    several = server.post(strings(["a", "b"]), "?model=same", **raw)
    for response, expected in ((text, "returned str_data"), (several, "several strings")):
        assert response.status_code == 400
        assert expected in response.json()["status"]["msg"]
    metrics = requests.get(server.url("/metrics"), timeout=10).text
    assert 'status="400"' in metrics
    assert 'outcome="ok"' in metrics
    assert 'status="500"' not in metrics
    assert "model_failed" not in metrics
