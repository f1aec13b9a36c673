"""Answers in chunks, over HTTP and gRPC, from every style of user code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import psutil
import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage, Status
from tests.onnx_models import save_identity
from tests.raw_http import connect, request
from tests.support import GUARD_S, RunningServer, serving, user_model, wait_until, write_project

PIECES = 10_000
LARGE = 1 << 20
STREAM = "/grps/v1/infer/predict?streaming=true&model="

CODE = '''
import asyncio
import time
from pathlib import Path

from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Counter(Plain):
    def infer(self, inp, context):
        for number in range(int(inp.str_data)):
            context.stream_respond(GrpsMessage(str_data=str(number)))


class Generator(Plain):
    def infer(self, inp, context):
        for number in range(int(inp.str_data)):
            yield GrpsMessage(str_data=str(number))


class Async(Plain):
    async def infer(self, inp, context):
        await asyncio.sleep(0.2)
        return GrpsMessage(str_data="slept " + inp.str_data)


class AsyncGenerator(Plain):
    async def infer(self, inp, context):
        for number in range(int(inp.str_data)):
            await asyncio.sleep(0)
            yield GrpsMessage(str_data=str(number))


class Large(Plain):
    """Streams pieces of 1 MiB for ever, and notes how many and that it has ended."""

    def infer(self, inp, context):
        sent = 0
        while not context.if_disconnected():
            context.stream_respond(GrpsMessage(bin_data=bytes(1 << 20)))
            sent += 1
            Path("sent").write_text(str(sent))
        Path("ended").touch()


class Gated(Plain):
    """Makes its second piece only once it is told to."""

    def infer(self, inp, context):
        context.stream_respond(GrpsMessage(str_data="first"))
        while not Path("go").exists():
            time.sleep(0.002)
        context.stream_respond(GrpsMessage(str_data="second"))


class Final(Plain):
    def infer(self, inp, context):
        context.stream_respond(GrpsMessage(str_data="last"), final=True)
        context.stream_respond(GrpsMessage(str_data="too late"))


class GoesOn(Plain):
    """Ends its stream and works on until its client has the whole of it."""

    def infer(self, inp, context):
        context.stream_respond(GrpsMessage(str_data="last"), final=True)
        while not context.if_disconnected():
            time.sleep(0.002)
        time.sleep(0.05)
        Path(f"worked_{inp.model}").touch()


class Breaking(Plain):
    def infer(self, inp, context):
        if inp.str_data:
            context.stream_respond(GrpsMessage(str_data=inp.str_data))
        raise ValueError("boom")


for cls in (Counter, Generator, Async, AsyncGenerator, Large, Gated, Final, GoesOn, Breaking):
    inferer_register.register(cls.__name__.lower(), cls())
'''
MODELS = ("counter", "generator", "async", "asyncgenerator", "large", "gated", "final", "breaking")
ISOLATIONS = ("thread", "process")
STYLES = ("counter", "generator", "asyncgenerator")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of streaming models, and of an ONNX model that does not stream."""
    folder = tmp_path_factory.mktemp("stream")
    path = save_identity(folder / "identity.onnx", "float32")
    onnx = {
        "name": "onnx",
        "version": "1",
        "inferer_type": "onnxruntime",
        "inferer_path": str(path),
    }
    going_on = [
        user_model(f"goeson_{isolation}", inferer_name="goeson", isolation=isolation)
        for isolation in ISOLATIONS
    ]
    write_project(folder, [*(user_model(name) for name in MODELS), *going_on, onnx])
    source = folder / "src"
    source.mkdir()
    (source / "customized_converter.py").touch()
    (source / "customized_inferer.py").write_text(CODE)
    with serving(folder) as running:
        yield running


def texts(server: RunningServer, model: str, count: int) -> list[str]:
    """The texts of a stream over gRPC."""
    with server.stub() as stub:
        call = stub.PredictStreaming(GrpsMessage(model=model, str_data=str(count)), timeout=GUARD_S)
        return [message.str_data for message in call]


@pytest.mark.parametrize("model", STYLES)
def test_every_piece_arrives_in_order_over_grpc(server: RunningServer, model: str) -> None:
    assert texts(server, model, PIECES) == [str(number) for number in range(PIECES)]


def test_every_piece_is_a_chunk_of_its_own_in_order_for_a_slow_reader(
    server: RunningServer,
) -> None:
    with connect(server.ports[0]) as connection:
        connection.send(request(b'{"str_data": "%d"}' % PIECES, path=f"{STREAM}counter"))
        head = connection.head()
        assert (head.status, head.headers["Content-Type"]) == (200, "application/octet-stream")
        for number, chunk in enumerate(connection.chunks()):
            assert b'"str_data":"%d"' % number in chunk
    assert number == PIECES - 1


def test_http2_streams_too(server: RunningServer) -> None:
    with (
        httpx.Client(http1=False, http2=True, timeout=GUARD_S) as client,
        client.stream("POST", server.url(f"{STREAM}generator"), json={"str_data": "3"}) as answer,
    ):
        body = answer.read()
    assert answer.http_version == "HTTP/2"
    assert body.count(b"SUCCESS") == 3


def test_a_piece_leaves_before_the_next_is_made(server: RunningServer) -> None:
    with connect(server.ports[0]) as connection:
        connection.send(request(b'{"str_data": "x"}', path=f"{STREAM}gated"))
        connection.head()
        chunks = connection.chunks()
        assert b"first" in next(chunks)
        (server.folder / "go").touch()
        assert b"second" in next(chunks)
        assert list(chunks) == []


def test_a_client_that_does_not_read_holds_the_producer_up(server: RunningServer) -> None:
    process = psutil.Process(server.process.pid)
    before = process.memory_info().rss
    sent = server.folder / "sent"
    with connect(server.ports[0]) as connection:
        connection.send(request(b'{"str_data": "x"}', path=f"{STREAM}large"))
        connection.head()
        wait_until(sent.exists, "the stream begins")
        # Reading on makes the producer go on, so it is not stuck but held up.
        seen = sum(len(chunk) for chunk, _ in zip(connection.chunks(), range(200), strict=False))
        assert seen == 200 * LARGE
        grown = process.memory_info().rss - before
    assert grown < 150 * LARGE
    wait_until((server.folder / "ended").exists, "the producer sees that the client left")


def test_final_ends_the_stream(server: RunningServer) -> None:
    assert texts(server, "final", 0) == ["last"]


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_call_that_has_ended_its_stream_is_no_cancelled_one(
    server: RunningServer, isolation: str
) -> None:
    model = f"goeson_{isolation}"
    assert texts(server, model, 0) == ["last"]

    def calls(outcome: str) -> list[str]:
        metrics = requests.get(server.url("/metrics"), timeout=GUARD_S).text.splitlines()
        start = f'grps_model_calls_total{{model="{model}-1.0.0"'
        lines = [line for line in metrics if line.startswith(start)]
        return [line.split()[-1] for line in lines if f'outcome="{outcome}"' in line]

    wait_until((server.folder / f"worked_{model}").exists, "the model works on")
    wait_until(lambda: calls("ok") == ["1"], "the call is counted")
    assert calls("cancelled") in ([], ["0"])


def test_a_failure_in_the_middle_is_the_last_message(server: RunningServer) -> None:
    with server.stub() as stub:
        call = stub.PredictStreaming(GrpsMessage(model="breaking", str_data="x"), timeout=GUARD_S)
        first, second = call
    assert first.str_data == "x"
    assert (second.status.code, second.status.status) == (500, Status.FAILURE)
    assert second.status.msg.startswith("ValueError: boom (request id ")


def test_a_failure_before_the_first_piece_has_its_own_status(server: RunningServer) -> None:
    answer = server.post({"str_data": ""}, "?streaming=true&model=breaking")
    assert (answer.status_code, answer.json()["status"]["code"]) == (500, 500)


def test_streaming_and_ndarray_exclude_each_other(server: RunningServer) -> None:
    answer = server.post({"str_data": "1"}, "?streaming=true&return-ndarray=true&model=counter")
    assert answer.status_code == 400
    assert "not supported at the same time" in answer.json()["status"]["msg"]


def test_a_tensor_model_answers_in_one_chunk(server: RunningServer) -> None:
    answer = server.post({"ndarray": [1.5]}, "?streaming=true&model=onnx")
    (tensor,) = answer.json()["gtensors"]["tensors"]
    assert tensor["flat_float32"] == [1.5]


def test_a_generator_gives_all_its_pieces_to_a_client_that_wants_one(
    server: RunningServer,
) -> None:
    for model in ("generator", "asyncgenerator"):
        assert server.post({"str_data": "3"}, f"?model={model}").json()["str_data"] == "012"


def test_coroutines_run_side_by_side(server: RunningServer) -> None:
    before = server.threads()
    with server.stub() as stub:
        calls = [
            stub.Predict.future(GrpsMessage(model="async", str_data=str(number)))
            for number in range(20)
        ]
        answers = [call.result(GUARD_S).str_data for call in calls]
    assert answers == [f"slept {number}" for number in range(20)]
    assert server.threads() - before < 20


def test_a_deadline_in_the_middle_ends_the_stream(server: RunningServer) -> None:
    (server.folder / "go").unlink(missing_ok=True)
    with server.stub() as stub:
        call = stub.PredictStreaming(GrpsMessage(model="gated", str_data="x"), timeout=0.5)
        assert next(call).str_data == "first"
        with pytest.raises(grpc.RpcError) as raised:
            next(call)
    assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    (server.folder / "go").touch()


def test_the_drain_waits_for_a_stream(tmp_path: Path) -> None:
    folder = write_project(tmp_path, [user_model("gated")])
    (folder / "src").mkdir()
    (folder / "src" / "customized_converter.py").touch()
    (folder / "src" / "customized_inferer.py").write_text(CODE)
    with serving(folder) as server, connect(server.ports[0]) as connection:
        connection.send(request(b'{"str_data": "x"}', path=f"{STREAM}gated"))
        connection.head()
        chunks = connection.chunks()
        assert b"first" in next(chunks)
        server.process.terminate()
        wait_until(lambda: "draining in_flight=1" in server.log(), "the drain starts")
        (folder / "go").touch()
        assert b"second" in next(chunks)
        assert list(chunks) == []
        assert server.process.wait(GUARD_S) == 0
