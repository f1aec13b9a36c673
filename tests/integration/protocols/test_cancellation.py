"""Chunks leave at once, and user code learns that its client left, over every protocol."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from itertools import count
from pathlib import Path

import grpc
import httpx
import pytest
import yaml

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.raw_http import connect, head
from tests.raw_http import request as http_request
from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

PREDICT = "/grps/v1/infer/predict"
PIECES = 10_000

CODE = '''
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


def wait_for_the_end(name, context):
    Path(f"started_{name}").touch()
    while not context.if_disconnected():
        time.sleep(0.005)
    Path(f"left_{name}").touch()


def name_of(inp, context):
    request = context.get_http_request()
    return inp.str_data if request is None else request.get_data().decode()


def respond(text, context):
    if context.get_http_request() is None:
        context.stream_respond(GrpsMessage(str_data=text))
    else:
        context.customized_http_stream_respond(text)


class Waiting(Plain):
    """Waits until its client leaves."""

    def infer(self, inp, context):
        wait_for_the_end(name_of(inp, context), context)
        return GrpsMessage()


class Streaming(Plain):
    """Streams a piece, then waits until its client leaves."""

    def infer(self, inp, context):
        respond("first", context)
        wait_for_the_end(name_of(inp, context), context)


class Acknowledged(Plain):
    """Makes each piece only once the one before it has been acknowledged."""

    def infer(self, inp, context):
        name = name_of(inp, context)
        for number in range(20):
            respond(f"piece {number}", context)
            while not Path(f"seen_{name}_{number}").exists():
                time.sleep(0.001)


class Counter(Plain):
    def infer(self, inp, context):
        for number in range(int(inp.str_data)):
            context.stream_respond(GrpsMessage(str_data=str(number)))


for cls in (Waiting, Streaming, Acknowledged, Counter):
    inferer_register.register(cls.__name__.lower(), cls())
'''
MODELS = ("waiting", "streaming", "acknowledged", "counter")


def start(folder: Path, *, customized: bool) -> AbstractContextManager[RunningServer]:
    write_user_project(folder, [user_model(name) for name in MODELS], code=CODE)
    if customized:
        file = folder / "conf" / "server.yml"
        settings = yaml.safe_load(file.read_text())
        settings["interface"]["customized_predict_http"] = {
            "path": "/own",
            "customized_body": True,
            "streaming_ctrl": {"ctrl_mode": "query_param", "ctrl_key": "stream"},
        }
        file.write_text(yaml.safe_dump(settings))
    return serving(folder)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with start(tmp_path_factory.mktemp("standard"), customized=False) as running:
        yield running


@pytest.fixture(scope="module")
def customized(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with start(tmp_path_factory.mktemp("customized"), customized=True) as running:
        yield running


Pieces = Iterator[str]


@contextmanager
def http1(server: RunningServer, model: str, name: str, stream: bool) -> Iterator[Pieces]:
    path = f"{PREDICT}?model={model}{'&streaming=true' if stream else ''}"
    with connect(server.ports[0]) as connection:
        connection.send(http_request(b'{"str_data": "%s"}' % name.encode(), path=path))
        yield pieces_of(connection.head, connection.chunks) if stream else iter(())


@contextmanager
def own_http(server: RunningServer, model: str, name: str, stream: bool) -> Iterator[Pieces]:
    path = f"/own?model={model}{'&stream=true' if stream else ''}"
    body = name.encode()
    with connect(server.ports[0]) as connection:
        connection.send(head({"Content-Length": len(body)}, path) + body)
        yield pieces_of(connection.head, connection.chunks) if stream else iter(())


def pieces_of(read_head: Callable[[], object], chunks: Callable[[], Iterator[bytes]]) -> Pieces:
    read_head()
    for chunk in chunks():
        yield chunk.decode()


@contextmanager
def http2(server: RunningServer, model: str, name: str, stream: bool) -> Iterator[Pieces]:
    query = {"model": model, "streaming": str(stream).lower()}
    with httpx.Client(http1=False, http2=True, timeout=httpx.Timeout(GUARD_S, read=0.3)) as client:
        body = {"str_data": name}
        if not stream:
            with suppress(httpx.ReadTimeout):
                client.post(server.url(), json=body, params=query)
            yield iter(())
            return
        with client.stream("POST", server.url(), json=body, params=query) as answer:
            yield (chunk.decode() for chunk in answer.iter_raw())


@contextmanager
def grpc_call(server: RunningServer, model: str, name: str, stream: bool) -> Iterator[Pieces]:
    message = GrpsMessage(model=model, str_data=name)
    with server.stub() as stub:
        if stream:
            call = stub.PredictStreaming(message, timeout=GUARD_S)
            yield (piece.str_data for piece in call)
        else:
            call = stub.Predict.future(message, timeout=GUARD_S)
            with suppress(grpc.FutureTimeoutError):
                call.result(timeout=0.1)
            yield iter(())
        call.cancel()


CLIENTS = [
    pytest.param(http1, "server", id="http1"),
    pytest.param(http2, "server", id="http2"),
    pytest.param(grpc_call, "server", id="grpc"),
    pytest.param(own_http, "customized", id="customized http"),
]
Client = Callable[[RunningServer, str, str, bool], AbstractContextManager[Pieces]]
NAMES = (f"request{number}" for number in count())


@pytest.mark.parametrize("stream", [False, True], ids=["unary", "streaming"])
@pytest.mark.parametrize(("client", "fixture"), CLIENTS)
def test_user_code_sees_that_its_client_left(
    client: Client, fixture: str, stream: bool, request: pytest.FixtureRequest
) -> None:
    server: RunningServer = request.getfixturevalue(fixture)
    name = next(NAMES)
    started, left = (server.folder / f"{word}_{name}" for word in ("started", "left"))
    with client(server, "streaming" if stream else "waiting", name, stream) as pieces:
        if stream:
            assert "first" in next(pieces)
        wait_until(started.exists, "user code runs")
    wait_until(left.exists, "user code sees that nobody waits")


@pytest.mark.parametrize(("client", "fixture"), CLIENTS)
def test_each_piece_arrives_before_the_next_is_made(
    client: Client, fixture: str, request: pytest.FixtureRequest
) -> None:
    server: RunningServer = request.getfixturevalue(fixture)
    name = next(NAMES)
    with client(server, "acknowledged", name, True) as pieces:
        for number in range(20):
            assert f"piece {number}" in next(pieces)
            (server.folder / f"seen_{name}_{number}").touch()
        assert list(pieces) == []


def test_a_slow_grpc_reader_loses_nothing(server: RunningServer) -> None:
    with server.stub() as stub:
        message = GrpsMessage(model="counter", str_data=str(PIECES))
        found = []
        for piece in stub.PredictStreaming(message, timeout=GUARD_S):
            found.append(piece.str_data)
            if len(found) % 1000 == 1:
                time.sleep(0.02)
    assert found == [str(number) for number in range(PIECES)]
