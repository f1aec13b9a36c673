"""Calls of models that run in another service: what travels along, and what comes back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import onnx
import onnx.parser
import pytest
import requests

from grps.deploy.native import PROGRAM
from grps.protocol.pb.grps_pb2 import DT_BOOL, GenericTensor, GenericTensorData, GrpsMessage
from tests.integration.observability.test_metrics import read_timing
from tests.integration.remote.services import address_of, coding, states, static, write_front
from tests.support import GUARD_S, RunningServer, serving, user_model, wait_until

CODE = """
import time

import numpy as np

from grps import GrpsMessage, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        pass

    def load(self):
        return True


class Flip(Plain):
    def infer(self, inp, context):
        x = inp["x"]
        return {"y": x[..., ::-1]}


class Words(Plain):
    def infer(self, inp, context):
        kind = inp.WhichOneof("data_oneof")
        if inp.str_data == "fail":
            raise ValueError("no such word")
        return GrpsMessage(gmap={"s_s": {"kind": kind or "", "text": inp.str_data}})


class Slow(Plain):
    def infer(self, inp, context):
        with open("started", "a") as file:
            file.write("x\\n")
        until = time.monotonic() + 20
        while time.monotonic() < until:
            if context.if_disconnected():
                with open("left", "a") as file:
                    file.write("x\\n")
                return GrpsMessage(str_data="left")
            time.sleep(0.005)
        return GrpsMessage(str_data="slept")


class Count(Plain):
    def infer(self, inp, context):
        for index in range(int(inp.str_data)):
            yield GrpsMessage(str_data=str(index))
        if inp.str_data == "3":
            raise ValueError("three is the end")


for cls in (Flip, Words, Slow, Count):
    inferer_register.register(cls.__name__.lower(), cls())
"""
NAMES = ("words", "slow", "count")


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("worker")
    text = '<ir_version: 8, opset_import: ["" : 17]> m (float[n, 2] x) => (float[n, 2] y) '
    onnx.save(onnx.parser.parse_model(text + "{ y = Add(x, x) }"), folder / "m.onnx")
    models: list[dict[str, Any]] = [user_model(name) for name in NAMES]
    models.append(user_model("flip", converter_type="numpy"))
    engine = {"name": "twice", "version": "1.0.0", "inferer_type": "onnxruntime"}
    models.append({**engine, "inferer_path": str(folder / "m.onnx")})
    with coding(folder, CODE, models) as running:
        yield running


@pytest.fixture(scope="module", params=[None, PROGRAM], ids=["python", "native"])
def front(
    request: pytest.FixtureRequest,
    worker: RunningServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningServer]:
    remote = {"remote": {"service": "other"}}
    models: list[dict[str, Any]] = [
        {"name": name, "version": "1.0.0", **remote} for name in (*NAMES, "flip")
    ]
    named = {"service": "other", "model": "twice-1.0.0"}
    models.append({"name": "double", "version": "2", "remote": named})
    folder = write_front(tmp_path_factory.mktemp("front"), static(worker), models)
    with serving(folder, request.param) as running:
        yield running


def predict(front: RunningServer, model: str, **data: Any) -> dict[str, Any]:
    answer: dict[str, Any] = front.post({"model": model, **data}).json()
    return answer


def test_an_engine_is_called_by_its_name_there_with_its_signature(front: RunningServer) -> None:
    answer = predict(front, "double-2", ndarray=[[1, 2], [3, 4]])
    assert answer["gtensors"]["tensors"][0]["flat_float32"] == [2, 4, 6, 8], answer
    described = requests.get(front.url("/v2/models/double"), timeout=GUARD_S).json()
    assert [(one["name"], one["datatype"]) for one in described["inputs"]] == [("x", "FP32")]
    # The request is checked here: it does not reach the other service.
    refused = front.post({"model": "double-2", "ndarray": [[1, 2, 3]]})
    assert refused.status_code == 400 and "has shape" in refused.json()["status"]["msg"]


def test_the_waterfall_goes_on_in_the_other_service(
    front: RunningServer, worker: RunningServer
) -> None:
    body = {"model": "double-2", "ndarray": [[1, 2]]}
    answer = front.post(body, headers={"X-Grps-Timing": "true"})
    steps = read_timing(answer.headers["X-Grps-Timing"])
    there = f"double-2@{address_of(worker)}/"
    assert {f"{there}decode", f"{there}twice-1.0.0/infer", "double-2/infer"} <= set(steps)
    ran, call = steps[f"{there}twice-1.0.0/infer"], steps["double-2/infer"]
    assert call["start"] <= ran["start"]
    assert ran["start"] + ran["dur"] <= call["start"] + call["dur"] + 0.002, "up to rounding"


def test_tensors_of_all_sizes_travel(front: RunningServer) -> None:
    for count in (1, 40_000, 600_000):
        data = GenericTensorData(
            tensors=[
                GenericTensor(
                    name="x", dtype="DT_FLOAT32", shape=[count, 2], flat_float32=[1.5] * 2 * count
                )
            ]
        )
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(f"127.0.0.1:{front.ports[1]}", options) as channel:
            call = channel.unary_unary(
                "/grps.protos.v1.GrpsService/Predict",
                request_serializer=GrpsMessage.SerializeToString,
                response_deserializer=GrpsMessage.FromString,
            )
            answer = call(GrpsMessage(model="double-2", gtensors=data), timeout=GUARD_S)
        [tensor] = answer.gtensors.tensors
        # A client that has not asked for them gets no raw elements.
        assert not tensor.HasField("raw") and list(tensor.shape) == [count, 2]
        assert set(tensor.flat_float32) == {3.0} and len(tensor.flat_float32) == 2 * count


def test_raw_tensors_in_and_out_for_a_client_that_asks(front: RunningServer) -> None:
    tensor = GenericTensor(name="x", dtype=DT_BOOL, shape=[3], raw=b"\1\0\0")
    message = GrpsMessage(model="flip", gtensors=GenericTensorData(tensors=[tensor]))
    with front.stub() as stub:
        raw = stub.Predict(message, metadata=[("grps-raw-tensors", "1")], timeout=GUARD_S)
        plain = stub.Predict(message, timeout=GUARD_S)
    assert raw.gtensors.tensors[0].raw == b"\0\0\1", raw
    assert list(plain.gtensors.tensors[0].flat_uint8) == [0, 0, 1]


def test_messages_pass_as_they_are(front: RunningServer) -> None:
    assert predict(front, "words", str_data="hi")["gmap"]["s_s"] == {
        "kind": "str_data",
        "text": "hi",
    }
    with front.stub() as stub:
        binary = stub.Predict(GrpsMessage(model="words", bin_data=b"\xff"), timeout=GUARD_S)
    assert binary.gmap.s_s["kind"] == "bin_data" and binary.status.code == 200


def test_a_failure_names_the_service(front: RunningServer) -> None:
    answer = front.post({"model": "words", "str_data": "fail"})
    assert answer.status_code == 500
    message = answer.json()["status"]["msg"]
    assert "service 'other' at 127.0.0.1:" in message and "no such word" in message


def test_streams_come_in_chunks(front: RunningServer) -> None:
    with front.stub() as stub:
        chunks = list(
            stub.PredictStreaming(GrpsMessage(model="count", str_data="200"), timeout=GUARD_S)
        )
    assert [chunk.str_data for chunk in chunks] == [str(index) for index in range(200)]
    assert {chunk.status.code for chunk in chunks} == {200}


def test_a_stream_that_fails_keeps_its_chunks(front: RunningServer) -> None:
    with front.stub() as stub:
        *chunks, last = stub.PredictStreaming(
            GrpsMessage(model="count", str_data="3"), timeout=GUARD_S
        )
    assert [chunk.str_data for chunk in chunks] == ["0", "1", "2"]
    assert last.status.code == 500 and "three is the end" in last.status.msg


def test_a_client_that_leaves_cancels_the_call_there(
    front: RunningServer, worker: RunningServer
) -> None:
    started, left = len(worker.noted("started")), len(worker.noted("left"))
    with front.stub() as stub:
        call = stub.Predict.future(GrpsMessage(model="slow"))
        wait_until(lambda: len(worker.noted("started")) > started, "the call runs")
        call.cancel()
    wait_until(lambda: len(worker.noted("left")) > left, "the worker knows")


def test_a_deadline_travels_along(front: RunningServer, worker: RunningServer) -> None:
    left = len(worker.noted("left"))
    with front.stub() as stub, pytest.raises(grpc.RpcError) as failed:
        stub.Predict(GrpsMessage(model="slow"), timeout=0.3)
    assert failed.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: len(worker.noted("left")) > left, "the worker knows")


def test_endpoints_are_shown(front: RunningServer, worker: RunningServer) -> None:
    [endpoint] = states(front).values()
    assert endpoint["state"] == "up" and endpoint["connections"] == 4
    assert endpoint["version"] and endpoint["requests"] > 0
    page = requests.get(front.url("/metrics"), timeout=GUARD_S).text
    assert 'grps_remote_endpoints_up{service="other"} 1' in page
