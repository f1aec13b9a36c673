"""``inferer_type: identity``: natively alone, in Python around a converter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from tests.support import RunningServer, serving, write_user_project

CODE = """
from grps import Converter, GrpsMessage, converter_register


class Shout(Converter):
    def init(self, path=None, args=None):
        pass

    def preprocess(self, inp, context):
        return inp.str_data

    def postprocess(self, inp, context):
        return GrpsMessage(str_data=inp.upper())


converter_register.register("shout", Shout())
"""

MODELS: list[dict[str, Any]] = [
    {"name": "plain", "version": "1", "inferer_type": "identity"},
    {"name": "apart", "version": "1", "inferer_type": "identity", "isolation": "process"},
    {
        "name": "shout",
        "version": "1",
        "inferer_type": "identity",
        "converter_type": "customized",
        "converter_name": "shout",
    },
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("identity")
    with serving(write_user_project(folder, MODELS, code=CODE)) as running:
        yield running


def ask(server: RunningServer, model: str, body: dict[str, Any], query: str = "") -> httpx.Response:
    url = f"http://127.0.0.1:{server.ports[0]}/grps/v1/infer/predict?model={model}-1{query}"
    return httpx.post(url, json=body)


@pytest.mark.parametrize("model", ["plain", "apart"])
@pytest.mark.parametrize(
    "body",
    [
        {"str_data": "hello"},
        {"gmap": {"s_i32": {"a": 1}}},
        {
            "gtensors": {
                "tensors": [
                    {"name": "x", "dtype": "DT_INT32", "shape": [2], "flat_int32": [1, -2]},
                ]
            }
        },
    ],
)
def test_the_answer_is_the_request(server: RunningServer, model: str, body: dict[str, Any]) -> None:
    answer = ask(server, model, body).json()
    assert answer.pop("status") == {"code": 200, "msg": "OK", "status": "SUCCESS"}
    assert answer == body


def test_an_array_comes_back(server: RunningServer) -> None:
    answer = ask(server, "plain", {"ndarray": [[1, 2.5], [3, 4]]}, "&return-ndarray=true").json()
    assert answer["ndarray"] == [[1.0, 2.5], [3.0, 4.0]]


@pytest.mark.parametrize("model", ["plain", "apart"])
def test_a_stream_has_one_chunk(server: RunningServer, model: str) -> None:
    answer = ask(server, model, {"str_data": "hello"}, "&streaming=true")
    assert answer.json()["str_data"] == "hello"
    assert answer.text.count("SUCCESS") == 1
    with grpc.insecure_channel(f"127.0.0.1:{server.ports[1]}") as channel:
        stub: Any = GrpsServiceStub(channel)
        chunks = list(stub.PredictStreaming(GrpsMessage(model=f"{model}-1", str_data="x")))
    assert [chunk.str_data for chunk in chunks] == ["x"]


def test_a_converter_is_tried_alone(server: RunningServer) -> None:
    assert ask(server, "shout", {"str_data": "hello"}).json()["str_data"] == "HELLO"


def test_it_can_be_a_step_of_a_graph(tmp_path: Path) -> None:
    with serving(
        write_user_project(tmp_path, MODELS, code=CODE, dag=["plain-1", "shout-1"])
    ) as running:
        url = f"http://127.0.0.1:{running.ports[0]}/grps/v1/infer/predict"
        assert httpx.post(url, json={"str_data": "hello"}).json()["str_data"] == "HELLO"
