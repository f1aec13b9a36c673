"""Streams of the Open Inference Protocol over gRPC, by tritonclient."""

from __future__ import annotations

import asyncio
import queue
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2 as pb
from tritonclient.utils import np_to_triton_dtype

from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_project,
    write_user_project,
)

MAX_REQUEST_BYTES = 1 << 20
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
CODE = '''
import time
from pathlib import Path

from grps import GrpsMessage, ModelInferer, inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Counter(Plain):
    """Streams numbers up to its input, and fails then if that is negative."""

    def infer(self, inp, context):
        count = inp.gtensors.tensors[0].flat_int32[0]
        for number in range(abs(count)):
            yield GrpsMessage(str_data=str(number))
        if count < 0:
            raise ValueError("boom")


class Same(Plain):
    def infer(self, inp, context):
        return inp


class Gated(Plain):
    """Responds once it is told to, or notes that its client has disconnected."""

    def infer(self, inp, context):
        Path("began").touch()
        while not Path("release").exists():
            if context.if_disconnected():
                Path("disconnected").touch()
                return inp
            time.sleep(0.002)
        return inp


for cls in (Counter, Same, Gated):
    inferer_register.register(cls.__name__.lower(), cls())
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of user code that streams, returns and waits."""
    folder = tmp_path_factory.mktemp("oip")
    numpy = [user_model(name, converter_type="numpy") for name in ("same", "gated")]
    limits = {"limits": {"max_request_bytes": MAX_REQUEST_BYTES}}
    write_user_project(folder, [*numpy, user_model("counter")], limits, code=CODE)
    with serving(folder) as running:
        yield running


@dataclass
class Answer:
    """One response of a stream, or an error."""

    id: str
    is_final: bool | None
    error: str
    result: Any = None

    @classmethod
    def of(cls, result: Any, error: Any) -> Answer:
        if error is not None:
            return cls("", None, error.message())
        response = result.get_response()
        final = response.parameters.get("triton_final_response")
        return cls(response.id, final.bool_param if final else None, "", result)

    def text(self) -> str:
        """What the counter has sent."""
        return str(self.result.as_numpy("str_data")[0], "ascii")


class Stream:
    """An open stream of a client."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.answers: queue.Queue[Answer] = queue.Queue()

    def took(self, result: Any, error: Any) -> None:
        self.answers.put(Answer.of(result, error))

    def send(self, model: str, values: np.ndarray, name: str, **options: Any) -> None:
        inputs = [tensor(values)]
        self.client.async_stream_infer(model, inputs, request_id=name, **options)

    def next(self) -> Answer:
        return self.answers.get(timeout=GUARD_S)


@contextmanager
def streaming(server: RunningServer, **options: Any) -> Iterator[Stream]:
    with triton.InferenceServerClient(f"127.0.0.1:{server.ports[1]}") as client:
        stream = Stream(client)
        client.start_stream(callback=stream.took, **options)
        yield stream


def tensor(values: np.ndarray) -> Any:
    made = triton.InferInput("x", list(values.shape), np_to_triton_dtype(values.dtype))
    made.set_data_from_numpy(values)
    return made


def count(number: int) -> np.ndarray:
    return np.array([number], np.int32)


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_model_that_returns_has_one_final_response(
    server: RunningServer, compression: str | None
) -> None:
    values = np.arange(20_000, dtype=np.float32)
    with streaming(server, compression_algorithm=compression) as stream:
        for index in range(3):
            stream.send("same", values, str(index), enable_empty_final_response=index > 0)
            answer = stream.next()
            assert (answer.id, answer.is_final) == (str(index), True)
            assert (answer.result.as_numpy("x") == values).all()


def test_a_model_that_streams_ends_with_an_empty_response_if_requested(
    server: RunningServer,
) -> None:
    with streaming(server) as stream:
        stream.send("counter", count(3), "a", enable_empty_final_response=True)
        for number in range(3):
            answer = stream.next()
            assert (answer.id, answer.is_final, answer.text()) == ("a", False, str(number))
        last = stream.next()
        assert (last.id, last.is_final, len(last.result.get_response().outputs)) == ("a", True, 0)
        stream.send("counter", count(0), "b", enable_empty_final_response=True)
        assert stream.next().is_final
        stream.send("counter", count(2), "c")
        stream.send("same", count(2), "d")
        answers = [stream.next() for _ in range(3)]
        assert sorted((answer.id, answer.is_final) for answer in answers) == [
            ("c", False),
            ("c", False),
            ("d", True),
        ]


def test_errors_are_messages_and_the_stream_goes_on(server: RunningServer) -> None:
    with streaming(server) as stream:
        stream.send("counter", count(-1), "a", enable_empty_final_response=True)
        assert stream.next().text() == "0"
        assert stream.next().error.startswith("ValueError: boom")
        stream.send("nope", count(1), "b")
        assert stream.next().error.startswith("Model nope not found")
        stream.send("same", count(1), "c", sequence_id=7)
        assert stream.next().error.startswith("sequences are not supported")
        stream.send("same", count(1), "d")
        assert stream.next().id == "d"


def test_an_error_names_its_request(server: RunningServer) -> None:
    sent = pb.ModelInferRequest(model_name="nope", id="seven").SerializeToString()
    with server.channel() as channel:
        answer = pb.ModelStreamInferResponse.FromString
        call: Any = channel.stream_stream(STREAM, None, answer)
        (response,) = call(iter([sent]), timeout=GUARD_S)
        assert response.infer_response.id == "seven"
        assert response.error_message.startswith("Model nope not found")
        (response,) = call(iter([b"\x0a\x7f"]), timeout=GUARD_S)
        assert "runs past the end" in response.error_message
        assert list(call(iter([]), timeout=GUARD_S)) == []


def test_errors_are_statuses_if_requested(server: RunningServer) -> None:
    with streaming(server, headers={"triton_grpc_error": "true"}) as stream:
        stream.send("same", count(1), "a")
        assert stream.next().id == "a"
        stream.send("nope", count(1), "b")
        assert stream.next().error.startswith("Model nope not found")
    with server.channel() as channel:
        sent = pb.ModelInferRequest(model_name="nope").SerializeToString()
        call: Any = channel.stream_stream(STREAM)
        metadata = [("triton_grpc_error", "true")]
        with pytest.raises(grpc.RpcError) as failure:
            list(call(iter([sent]), timeout=GUARD_S, metadata=metadata))
        assert failure.value.code() == grpc.StatusCode.NOT_FOUND


def test_requests_of_a_stream_run_at_the_same_time(server: RunningServer) -> None:
    release = server.folder / "release"
    with streaming(server) as stream:
        stream.send("gated", count(1), "slow")
        for index in range(200):
            stream.send("same", count(index), str(index))
        answers = [stream.next() for _ in range(200)]
        assert {answer.id for answer in answers} == {str(index) for index in range(200)}
        release.touch()
        assert stream.next().id == "slow"
    release.unlink()


def test_closing_a_stream_cancels_its_requests(server: RunningServer) -> None:
    began, disconnected = server.folder / "began", server.folder / "disconnected"
    for path in (began, disconnected):
        path.unlink(missing_ok=True)
    with streaming(server) as stream:
        stream.send("gated", count(1), "a")
        wait_until(began.exists, "the model began")
        stream.client.stop_stream(cancel_requests=True)
        wait_until(disconnected.exists, "the model saw that its client is gone")


def test_a_client_that_sends_no_more_gets_all_responses(server: RunningServer) -> None:
    requests = []
    for index in range(100):
        request = pb.ModelInferRequest(model_name="counter", id=str(index))
        made = request.inputs.add(name="x", datatype="INT32", shape=[1])
        made.contents.int_contents.append(5)
        requests.append(request.SerializeToString())
    with server.channel() as channel:
        call: Any = channel.stream_stream(STREAM, None, pb.ModelStreamInferResponse.FromString)
        answers = [answer.infer_response for answer in call(iter(requests), timeout=GUARD_S)]
    of_each: dict[str, list[bytes]] = {}
    for answer in answers:
        of_each.setdefault(answer.id, []).append(answer.raw_output_contents[0][4:])
    assert len(of_each) == 100
    assert all(texts == [b"0", b"1", b"2", b"3", b"4"] for texts in of_each.values())


def test_each_request_of_a_stream_is_counted(server: RunningServer) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{server.ports[1]}") as client:

        def succeeded() -> int:
            (stats,) = client.get_inference_statistics("same").model_stats
            return int(stats.inference_stats.success.count)

        before = succeeded()
        with streaming(server) as stream:
            for index in range(5):
                stream.send("same", count(index), str(index))
                stream.next()
        assert succeeded() == before + 5


def test_the_aio_client_streams(server: RunningServer) -> None:
    async def requests() -> AsyncIterator[dict[str, Any]]:
        for index in range(3):
            yield {
                "model_name": "counter",
                "inputs": [tensor(count(2))],
                "request_id": str(index),
            }

    async def run() -> list[Answer]:
        async with triton_aio.InferenceServerClient(f"127.0.0.1:{server.ports[1]}") as client:
            stream = client.stream_infer(requests())
            return [Answer.of(result, error) async for result, error in stream]

    answers = asyncio.run(run())
    assert len(answers) == 6 and {answer.id for answer in answers} == {"0", "1", "2"}


def test_an_idle_stream_ends_when_the_service_stops(tmp_path: Path) -> None:
    identity = {"name": "identity", "version": "1", "inferer_type": "identity"}
    write_project(tmp_path, [identity])
    with serving(tmp_path) as server, streaming(server) as stream:
        stream.send("identity", count(1), "a")
        assert stream.next().id == "a"
        server.process.send_signal(signal.SIGTERM)
        assert stream.next().error == "the service is shutting down"
        assert server.process.wait(GUARD_S) == 0


def test_a_message_over_the_limit_ends_the_stream(server: RunningServer) -> None:
    with server.channel() as channel:
        call: Any = channel.stream_stream(STREAM)
        with pytest.raises(grpc.RpcError) as failure:
            list(call(iter([bytes(MAX_REQUEST_BYTES + 1)]), timeout=GUARD_S))
        assert failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
