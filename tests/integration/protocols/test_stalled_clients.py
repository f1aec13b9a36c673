"""Clients that hold a connection without using it, and clients that do not read."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import requests

from tests import raw_brpc, raw_http2
from tests.raw_http import Connection, connect, request
from tests.raw_http2 import (
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    RST_STREAM,
    Http2Connection,
    encoded,
)
from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

MAX_CONNECTIONS = 6
MAX_CONCURRENCY = 4
LIVE = "/grps/v1/health/live"
PREDICT = "/grps/v1/infer/predict"
STREAM = f"{PREDICT}?streaming=true&model="

CODE = '''

from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


CHUNKS = 1000


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Endless(Plain):
    """Streams until the client is disconnected."""

    def infer(self, inp, context):
        while inp.str_data == "stream" and not context.if_disconnected():
            context.stream_respond(GrpsMessage(bin_data=bytes(10_000)))
        for number in range(CHUNKS if inp.str_data == "finite" else 0):
            context.stream_respond(GrpsMessage(str_data=f"{number:010000}"))
        return GrpsMessage(str_data="whole")


class AsyncEndless(Plain):
    async def infer(self, inp, context):
        while inp.str_data == "stream":
            yield GrpsMessage(bin_data=bytes(10_000))
        if inp.str_data == "finite":
            for number in range(CHUNKS):
                yield GrpsMessage(str_data=f"{number:010000}")
        else:
            yield GrpsMessage(str_data="whole")


class Responder(Plain):
    """Async code that sends without waiting."""

    async def infer(self, inp, context):
        while inp.str_data == "stream" and not context.if_disconnected():
            context.stream_respond(GrpsMessage(bin_data=bytes(10_000)))
        return GrpsMessage(str_data="whole")


for name in ("threads", "thread", "process"):
    inferer_register.register(name, Endless())
inferer_register.register("async", AsyncEndless())
inferer_register.register("responder", Responder())
'''
CHUNKS = 1000
MODELS = ("threads", "thread", "process", "async", "responder")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with short time limits and few places."""
    models = [
        user_model("threads"),
        user_model("thread", max_threads=1),
        user_model("process", isolation="process"),
        user_model("async"),
        user_model("responder"),
    ]
    limits = {"header_timeout_ms": 400, "stream_stall_timeout_ms": 600}
    settings = {
        "max_connections": MAX_CONNECTIONS,
        "max_concurrency": MAX_CONCURRENCY,
        "limits": limits,
    }
    folder = write_user_project(tmp_path_factory.mktemp("stalled"), models, settings, code=CODE)
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that runs one request at a time, and gives clients time to read."""
    settings = {"max_concurrency": 1}
    folder = tmp_path_factory.mktemp("patient")
    write_user_project(folder, [user_model("async")], settings, code=CODE)
    with serving(folder) as running:
        yield running


def ask(server: RunningServer, model: str) -> requests.Response:
    return server.post({"str_data": "whole"}, f"?model={model}")


def assert_serves(server: RunningServer, model: str = "threads") -> None:
    def is_served() -> bool:
        return ask(server, model).status_code == 200

    wait_until(is_served, "the service has a place")


def connections(server: RunningServer) -> int:
    text = requests.get(server.url("/metrics"), timeout=GUARD_S).text
    (line,) = (line for line in text.splitlines() if line.startswith("grps_connections "))
    return int(line.split()[1])


def test_http2_without_a_request_is_closed_though_it_answers_ping(server: RunningServer) -> None:
    with raw_http2.connect(server.ports[0]) as connection:
        kinds = [frame.kind for frame in connection.frames()]
    assert GOAWAY in kinds


def test_http2_is_closed_some_time_after_its_last_request(server: RunningServer) -> None:
    with raw_http2.connect(server.ports[0]) as connection:
        connection.send(HEADERS, END_HEADERS | END_STREAM, 1, raw_http2.head(LIVE, "GET"))
        kinds = [(frame.kind, frame.stream) for frame in connection.frames()]
    assert kinds.index((HEADERS, 1)) < kinds.index((GOAWAY, 0))


def test_half_a_head_over_http2_is_closed(server: RunningServer) -> None:
    with raw_http2.connect(server.ports[0]) as connection:
        connection.send(HEADERS, END_STREAM, 1, raw_http2.head(LIVE, "GET"))
        assert HEADERS not in [frame.kind for frame in connection.frames()]


@pytest.mark.parametrize("path", [PREDICT, LIVE, "/no/route"])
@pytest.mark.parametrize(("ends", "resets"), [(0, False), (0, True), (END_STREAM, True)])
def test_http2_that_finishes_no_request_is_closed(
    server: RunningServer, path: str, ends: int, resets: bool
) -> None:
    with raw_http2.connect(server.ports[0]) as connection:
        stop = Event()

        def begin_requests() -> bool:
            """Begin requests until the end of the test; say whether that was in time."""
            for number in range(40):
                stream = 2 * number + 1
                head = encoded(HEADERS, END_HEADERS | ends, stream, raw_http2.head(path))
                reset = encoded(RST_STREAM, 0, stream, bytes(4)) if resets else b""
                connection.socket.sendall(head + reset)
                if stop.wait(0.1):
                    return True
            return False

        with ThreadPoolExecutor(1) as clients:
            begun = clients.submit(begin_requests)
            assert any(frame.kind == GOAWAY for frame in connection.frames())
            stop.set()
            assert begun.result()


@pytest.mark.parametrize("start", [b"", b"P", b"PRPC", raw_http2.PREFACE[:20], raw_http2.PREFACE])
def test_half_a_preface_keeps_no_place(server: RunningServer, start: bytes) -> None:
    for _ in range(3 * MAX_CONNECTIONS):
        with connect(server.ports[0]) as connection:
            connection.send(start)
    wait_until(lambda: connections(server) <= 1, "all places are free")


def narrow(port: int, room_bytes: int = 2048) -> Connection:
    """A connection that takes few bytes that are not read."""
    connection = Connection(port)
    connection.socket.close()
    connection.socket = socket.socket()
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room_bytes)
    connection.socket.connect(("127.0.0.1", port))
    return connection


def test_pipelined_answers_that_are_not_read_keep_no_place(server: RunningServer) -> None:
    page = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    held = [narrow(server.ports[0]) for _ in range(MAX_CONNECTIONS)]
    for connection in held:
        connection.send(page * 100)
    wait_until(lambda: connections(server) <= 1, "all places are free")
    for connection in held:
        connection.close()


def test_brpc_answers_that_are_not_read_keep_no_place(server: RunningServer) -> None:
    held = [narrow(server.ports[0]) for _ in range(MAX_CONNECTIONS)]
    for connection in held:
        connection.send(raw_brpc.Call("ServerMetadata").frame() * 5000)
    wait_until(lambda: connections(server) <= 1, "all places are free")
    for connection in held:
        connection.close()


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_that_is_not_read_over_http1_ends(server: RunningServer, model: str) -> None:
    connection = narrow(server.ports[0])
    connection.send(request(b'{"str_data": "stream"}', path=STREAM + model))
    assert_serves(server, model)
    connection.close()


def test_a_client_that_pauses_gets_all_while_others_are_served(patient: RunningServer) -> None:
    connection = narrow(patient.ports[0], 1 << 16)
    connection.send(request(b'{"str_data": "finite"}', path=f"{STREAM}async"))
    assert connection.socket.recv(12) == b"HTTP/1.1 200"
    assert_serves(patient, "async")
    received = b""
    while not received.endswith(b"\r\n0\r\n\r\n"):
        piece = connection.socket.recv(1 << 20)
        assert piece, received[-100:]
        received += piece
    assert received.count(b"SUCCESS") == CHUNKS
    connection.close()


@pytest.mark.parametrize("model", MODELS)
def test_streams_without_a_window_end(server: RunningServer, model: str) -> None:
    window = {raw_http2.INITIAL_WINDOW_SIZE: 0}
    with raw_http2.connect(server.ports[0], window) as connection:
        for number in range(3 * MAX_CONCURRENCY):
            start_stream(connection, 2 * number + 1, model)
        assert_serves(server, model)
        reset = set()
        for frame in connection.frames():
            if frame.kind == RST_STREAM:
                reset.add(frame.stream)
                if len(reset) == 3 * MAX_CONCURRENCY:
                    break


def start_stream(connection: Http2Connection, stream: int, model: str) -> None:
    body = b'{"str_data": "stream"}'
    connection.request(stream, STREAM + model, body, content_type="application/json")
