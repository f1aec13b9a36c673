"""Clients that leave before their answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import h2.connection
import h2.errors
import h2.events
import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.raw_http import PREDICT, Connection, connect
from tests.raw_http import request as http_request
from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

SLEEPER = f"{PREDICT}?model=sleeper"


@pytest.fixture(params=[1, 32], ids=["waits for a place", "waits for an instance"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server with one instance; requests wait in one queue or in the other."""
    models = [user_model("waiter", max_threads=1)]
    folder = write_user_project(tmp_path, models, {"max_concurrency": request.param})
    with serving(folder) as running:
        yield running


def in_flight(server: RunningServer) -> float:
    """Return how many inference requests have not ended."""
    page = requests.get(server.url("/metrics"), timeout=GUARD_S).text
    lines = (line for line in page.splitlines() if line.startswith("grps_requests_in_flight{"))
    return sum(float(line.rpartition("}")[2].split()[0]) for line in lines)


def test_user_code_sees_that_an_http1_client_left(user_server: RunningServer) -> None:
    with connect(user_server.ports[0]) as connection:
        connection.send(http_request(b'{"str_data": "41"}', path=SLEEPER))
        wait_until(lambda: "41" in user_server.noted("started"), "user code runs")
        assert "41" not in user_server.noted("disconnected")
    wait_until(lambda: "41" in user_server.noted("disconnected"), "user code sees it")


def test_user_code_sees_that_a_client_left_behind_a_pipelined_request(
    user_server: RunningServer,
) -> None:
    next_one = http_request(b'{"str_data": "x"}')
    with connect(user_server.ports[0]) as connection:
        connection.send(http_request(b'{"str_data": "45"}', path=SLEEPER) + next_one)
        wait_until(lambda: "45" in user_server.noted("started"), "user code runs")
        assert "45" not in user_server.noted("disconnected")
    wait_until(lambda: "45" in user_server.noted("disconnected"), "user code sees it")


def test_pipelined_requests_are_answered_in_order(user_server: RunningServer) -> None:
    with connect(user_server.ports[0]) as connection:
        texts = ["0.05", "0.01", "0"]
        bodies = [f'{{"str_data": "{text}"}}'.encode() for text in texts]
        connection.send(b"".join(http_request(body) for body in bodies))
        answers = [connection.answer().json()["str_data"] for _ in texts]
        assert answers == texts


class Http2Client:
    """An HTTP/2 connection whose streams can be reset one by one."""

    def __init__(self, connection: Connection) -> None:
        self._socket = connection.socket
        self._state = h2.connection.H2Connection()
        self._state.initiate_connection()

    def ask(self, stream: int, path: str, body: bytes) -> None:
        """Send a request on a new stream."""
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "127.0.0.1"),
            (":path", path),
            ("content-type", "application/json"),
        ]
        self._state.send_headers(stream, headers)
        self._state.send_data(stream, body, end_stream=True)
        self._socket.sendall(self._state.data_to_send())

    def reset(self, stream: int) -> None:
        """Give up a stream."""
        self._state.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        self._socket.sendall(self._state.data_to_send())

    def status(self, stream: int) -> str:
        """Wait for the status of a stream's answer."""
        while True:
            data = self._socket.recv(65536)
            assert data, "the connection was closed"
            for event in self._state.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived) and event.stream_id == stream:
                    return str(dict(event.headers)[b":status"], "ascii")


def test_user_code_sees_that_an_http2_stream_was_reset(user_server: RunningServer) -> None:
    with connect(user_server.ports[0]) as connection:
        client = Http2Client(connection)
        client.ask(1, SLEEPER, b'{"str_data": "42"}')
        wait_until(lambda: "42" in user_server.noted("started"), "user code runs")
        client.reset(1)
        wait_until(lambda: "42" in user_server.noted("disconnected"), "user code sees it")
        client.ask(3, PREDICT, b'{"str_data": "x"}')
        assert client.status(3) == "200"


def test_a_request_that_waits_is_never_run_when_its_client_leaves(server: RunningServer) -> None:
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(server.post, {"str_data": "first"}, "?model=waiter")
        wait_until(lambda: server.noted("started") == ["first"], "the first request runs")
        with connect(server.ports[0]) as connection, server.stub() as stub:
            connection.send(http_request(b'{"str_data": "43"}', path=f"{PREDICT}?model=waiter"))
            call = stub.Predict.future(GrpsMessage(model="waiter", str_data="44"))
            with pytest.raises(grpc.FutureTimeoutError):
                call.result(timeout=0.1)
            call.cancel()
        wait_until(lambda: in_flight(server) == 1, "the server sees that both have left")
        server.release()
        assert first.result(GUARD_S).json()["str_data"] == "released"
    assert server.post({"str_data": "last"}, "?model=waiter").status_code == 200
    assert server.noted("started") == ["first", "last"]
