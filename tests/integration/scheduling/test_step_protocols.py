"""A step model through every protocol: the same outputs, whole and step by step."""

from __future__ import annotations

import json
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf
import tritonclient.grpc as triton
import tritonclient.http as triton_http
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from websockets.sync.client import connect as connect_websocket

from grps.client import Client
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests import raw_brpc
from tests.step_models import body, expected, numbers, series_model
from tests.support import GUARD_S, RunningServer, serving, write_user_project
from tests.tensors import arrays_of, arrays_of_message, to_message

MODEL = "series"
CODE = """
from grps import StepModel, StepResult, inferer_register


class Series(StepModel):
    # The input has a first number and the number of steps; some protocols give it no name.
    slots = {"value": "int64", "left": "int64"}

    def load(self):
        pass

    def begin(self, requests):
        inputs = [next(iter(request.inputs.values())) for request in requests]
        return [{"value": first, "left": steps} for first, steps in inputs]

    def step(self, batch):
        batch["value"] = (batch["value"] * 31 + 7) % 1000003
        batch["left"] -= 1
        return StepResult({"y": batch["value"]}, batch["left"] <= 0)


inferer_register.register("series", Series())
"""
FIRST, STEPS = 7, 5
PREDICT = "/grps/v1/infer/predict"
RAW = "application/octet-stream"
TORCHSERVE = "org.pytorch.serve.grpc.inference.InferenceAPIsService"
Ask = Callable[[RunningServer], list[int]]
Steps = Callable[[RunningServer], list[list[int]]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("protocols")
    conf: dict[str, Any] = {"tfserving": {"enabled": True}, "torchserve": {"enabled": True}}
    with serving(write_user_project(folder, [series_model(MODEL)], conf, code=CODE)) as running:
        yield running


def x() -> np.ndarray:
    return np.array([FIRST, STEPS], np.int64)


def post(server: RunningServer, path: str, data: Any, **headers: str) -> requests.Response:
    url = server.url(path)
    answer = requests.post(url, json=data, headers=headers, timeout=GUARD_S)
    assert answer.status_code == 200, answer.text
    return answer


def values(message: GrpsMessage) -> list[int]:
    found: list[int] = arrays_of_message(message)["y"].tolist()
    return found


def json_values(answer: dict[str, Any]) -> list[int]:
    found: list[int] = arrays_of(answer["gtensors"])["y"].tolist()
    return found


def http(server: RunningServer) -> list[int]:
    return json_values(post(server, f"{PREDICT}?model={MODEL}", body(FIRST, STEPS)).json())


def http_ndarray(server: RunningServer) -> list[int]:
    path = f"{PREDICT}?return-ndarray=true"
    found: list[int] = post(server, path, {"ndarray": [FIRST, STEPS]}).json()["ndarray"]
    return found


def raw_tensor(server: RunningServer) -> list[int]:
    url = server.url(f"{PREDICT}?model={MODEL}&shape=2&dtype=int64")
    headers = {"Content-Type": RAW, "Accept": RAW}
    answer = requests.post(url, data=x().tobytes(), headers=headers, timeout=GUARD_S)
    assert answer.status_code == 200, answer.text
    assert answer.headers["X-Grps-Shape"] == str(STEPS)
    found: list[int] = np.frombuffer(answer.content, answer.headers["X-Grps-Dtype"]).tolist()
    return found


def rpc(server: RunningServer) -> list[int]:
    with server.stub() as stub:
        return values(stub.Predict(to_message({"x": x()}, MODEL), timeout=GUARD_S))


def brpc(server: RunningServer) -> list[int]:
    with raw_brpc.connect(server.ports[0]) as connection:
        call = raw_brpc.Call(message=to_message({"x": x()}, MODEL))
        return values(connection.call(call).message)


def oip_input(kind: Any) -> Any:
    tensor = kind.InferInput("x", [2], "INT64")
    tensor.set_data_from_numpy(x())
    return tensor


def oip_http(server: RunningServer) -> list[int]:
    with triton_http.InferenceServerClient(f"127.0.0.1:{server.ports[0]}") as client:
        found: list[int] = client.infer(MODEL, [oip_input(triton_http)]).as_numpy("y").tolist()
        return found


def oip_json(server: RunningServer) -> list[int]:
    tensor = {"name": "x", "datatype": "INT64", "shape": [2], "data": [FIRST, STEPS]}
    (output,) = post(server, f"/v2/models/{MODEL}/infer", {"inputs": [tensor]}).json()["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("y", "INT64", [STEPS])
    found: list[int] = output["data"]
    return found


def oip_rpc(server: RunningServer) -> list[int]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.ports[1]}") as client:
        found: list[int] = client.infer(MODEL, [oip_input(triton)]).as_numpy("y").tolist()
        return found


def tfserving_json(server: RunningServer) -> list[int]:
    inputs = {"inputs": {"x": [FIRST, STEPS]}}
    answer = post(server, f"/v1/models/{MODEL}:predict", inputs).json()
    found: list[int] = answer["outputs"]
    return found


def tfserving_rpc(server: RunningServer) -> list[int]:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = MODEL
    request.inputs["x"].CopyFrom(tf.make_tensor_proto(x()))
    with server.channel() as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        answer = stub.Predict(request, timeout=GUARD_S)
    found: list[int] = tf.make_ndarray(answer.outputs["y"]).tolist()
    return found


def client(server: RunningServer) -> list[int]:
    with Client(f"http://127.0.0.1:{server.ports[0]}") as made:
        found: list[int] = made.predict({"x": x()}, model=MODEL).tensors["y"].tolist()
        return found


def brpc_http(server: RunningServer) -> list[int]:
    data = {"model": MODEL, **body(FIRST, STEPS)}
    return json_values(post(server, f"/{raw_brpc.SERVICE}/Predict", data).json())


def generate(server: RunningServer) -> list[int]:
    answer = post(server, f"/v2/models/{MODEL}/generate", {"x": [FIRST, STEPS]}).json()
    found: list[int] = answer["y"]
    return found


def torchserve(server: RunningServer) -> list[int]:
    return json_values(post(server, f"/predictions/{MODEL}", body(FIRST, STEPS)).json())


def events_of(answer: requests.Response) -> list[dict[str, Any]]:
    *events, rest = answer.text.split("\n\n")
    assert rest == ""
    return [json.loads(event.removeprefix("data: ")) for event in events]


def http_pieces(server: RunningServer) -> list[list[int]]:
    answer = post(server, f"{PREDICT}?streaming=true", body(FIRST, STEPS))
    return [[one] for one in numbers(answer.content)]


def http_lines(server: RunningServer) -> list[list[int]]:
    headers = {"Accept": "application/x-ndjson"}
    answer = post(server, f"{PREDICT}?streaming=true", body(FIRST, STEPS), **headers)
    return [json_values(json.loads(line)) for line in answer.iter_lines()]


def http_events(server: RunningServer) -> list[list[int]]:
    headers = {"Accept": "text/event-stream"}
    answer = post(server, f"{PREDICT}?streaming=true", body(FIRST, STEPS), **headers)
    return [json_values(event) for event in events_of(answer)]


def raw_tensor_lines(server: RunningServer) -> list[list[int]]:
    url = server.url(f"{PREDICT}?shape=2&dtype=int64&streaming=true")
    headers = {"Content-Type": RAW, "Accept": "application/x-ndjson"}
    answer = requests.post(url, data=x().tobytes(), headers=headers, timeout=GUARD_S)
    assert answer.status_code == 200, answer.text
    return [json_values(json.loads(line)) for line in answer.iter_lines()]


def torchserve_lines(server: RunningServer) -> list[list[int]]:
    path, headers = f"/predictions/{MODEL}?streaming=true", {"Accept": "application/x-ndjson"}
    answer = post(server, path, body(FIRST, STEPS), **headers)
    return [json_values(json.loads(line)) for line in answer.iter_lines()]


def rpc_messages(server: RunningServer) -> list[list[int]]:
    with server.stub() as stub:
        request = to_message({"x": x()}, MODEL)
        return [values(one) for one in stub.PredictStreaming(request, timeout=GUARD_S)]


def generate_events(server: RunningServer) -> list[list[int]]:
    path = f"/v2/models/{MODEL}/generate_stream"
    return [[event["y"]] for event in events_of(post(server, path, {"x": [FIRST, STEPS]}))]


def websocket(server: RunningServer) -> list[list[int]]:
    url = f"ws://127.0.0.1:{server.ports[0]}{PREDICT}/ws?model={MODEL}"
    found = []
    with connect_websocket(url, open_timeout=GUARD_S, close_timeout=GUARD_S) as socket:
        socket.send(json.dumps(body(FIRST, STEPS)))
        while not (message := json.loads(socket.recv(timeout=GUARD_S))).get("final"):
            found.append(json_values(message))
    return found


def oip_stream(server: RunningServer) -> list[list[int]]:
    answers: queue.Queue[Any] = queue.Queue()
    found = []
    with triton.InferenceServerClient(f"127.0.0.1:{server.ports[1]}") as made:
        made.start_stream(callback=lambda result, error: answers.put((result, error)))
        inputs = [oip_input(triton)]
        made.async_stream_infer(MODEL, inputs, enable_empty_final_response=True)
        is_final = False
        while not is_final:
            result, error = answers.get(timeout=GUARD_S)
            assert error is None
            response = result.get_response()
            if response.outputs:
                found.append(result.as_numpy("y").tolist())
            is_final = response.parameters["triton_final_response"].bool_param
    return found


def client_stream(server: RunningServer) -> list[list[int]]:
    with Client(f"http://127.0.0.1:{server.ports[0]}") as made:
        pieces = made.stream({"x": x()}, model=MODEL)
        return [piece.tensors["y"].tolist() for piece in pieces]


def client_rpc_stream(server: RunningServer) -> list[list[int]]:
    with Client(f"grpc://127.0.0.1:{server.ports[1]}") as made:
        pieces = made.stream({"x": x()}, model=MODEL)
        return [piece.tensors["y"].tolist() for piece in pieces]


WHOLE: list[Ask] = [
    *(http, http_ndarray, raw_tensor, rpc, brpc, brpc_http, oip_http, oip_json, oip_rpc, generate),
    *(tfserving_json, tfserving_rpc, torchserve, client),
]
STREAMED: list[Steps] = [
    *(http_pieces, http_lines, http_events, raw_tensor_lines, torchserve_lines, rpc_messages),
    *(generate_events, websocket, oip_stream, client_stream, client_rpc_stream),
]


@pytest.mark.parametrize("ask", WHOLE, ids=lambda one: one.__name__)
def test_a_whole_sequence(server: RunningServer, ask: Ask) -> None:
    assert ask(server) == expected(FIRST, STEPS)


@pytest.mark.parametrize("ask", STREAMED, ids=lambda one: one.__name__)
def test_a_sequence_step_by_step(server: RunningServer, ask: Steps) -> None:
    assert ask(server) == [[one] for one in expected(FIRST, STEPS)]


def test_all_protocols_at_once(server: RunningServer) -> None:
    asked: list[Callable[[RunningServer], Any]] = [*WHOLE, *STREAMED]
    with ThreadPoolExecutor(len(asked)) as threads:
        found = list(threads.map(lambda ask: ask(server), asked))
    whole = expected(FIRST, STEPS)
    assert found == [whole] * len(WHOLE) + [[[one] for one in whole]] * len(STREAMED)


@pytest.mark.parametrize("name", ["Predictions", "StreamPredictions"])
def test_named_bytes_are_no_tensors(server: RunningServer, name: str) -> None:
    request = raw_brpc.data(1, MODEL)  # its model_name
    with server.channel() as channel:
        call: Any = channel.unary_stream(f"/{TORCHSERVE}/{name}")
        with pytest.raises(grpc.RpcError) as raised:
            list(call(request, timeout=GUARD_S))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "takes tensors, not the named bytes of TorchServe" in (raised.value.details() or "")
