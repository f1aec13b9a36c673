"""Limits of size, time and number, at the limit and one past it."""

from __future__ import annotations

import random
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.raw_http import Connection, chunked, connect, head, request
from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

MAX_REQUEST_BYTES = 20_000
MAX_HEADER_BYTES = 8192
TIMEOUT_MS = 300
LIVE = "/grps/v1/health/live"


def write_server(folder: Path, **settings: Any) -> Path:
    models = [user_model(name) for name in ("echo", "sleeper", "waiter")]
    return write_user_project(folder, models, settings, dag=["echo-1.0.0"])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with small limits of size and time."""
    limits = {
        "max_request_bytes": MAX_REQUEST_BYTES,
        "max_header_bytes": MAX_HEADER_BYTES,
        "header_timeout_ms": TIMEOUT_MS,
        "body_timeout_ms": TIMEOUT_MS,
    }
    with serving(write_server(tmp_path_factory.mktemp("limits"), limits=limits)) as running:
        yield running


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that runs one request and lets one wait."""
    settings = {"max_concurrency": 1, "limits": {"max_queue": 1}}
    with serving(write_server(tmp_path, **settings)) as running:
        yield running


@pytest.fixture
def connection(server: RunningServer) -> Iterator[Connection]:
    with connect(server.ports[0]) as connection:
        yield connection


def text_body(length: int) -> bytes:
    """A JSON body of so many bytes."""
    return b'{"str_data": "' + b"x" * (length - 16) + b'"}'


def padded(length: int) -> bytes:
    """A request whose head has so many bytes."""
    body = b'{"str_data": "x"}'
    plain = head({"Content-Length": len(body), "Pad": ""})
    return head({"Content-Length": len(body), "Pad": "p" * (length - len(plain))}) + body


def assert_serves(server: RunningServer) -> None:
    assert server.post({"str_data": "still"}).json()["str_data"] == "still"


def assert_too_large(connection: Connection) -> None:
    answer = connection.answer()
    message = f"the body is larger than limits.max_request_bytes ({MAX_REQUEST_BYTES} bytes)"
    assert (answer.status, answer.json()["status"]["msg"]) == (413, message)


def test_a_body_of_the_largest_size_is_served(connection: Connection) -> None:
    body = text_body(MAX_REQUEST_BYTES)
    connection.send(request(body))
    assert connection.answer().status == 200
    pieces = [body[start : start + 777] for start in range(0, len(body), 777)]
    connection.send(head({"Transfer-Encoding": "chunked"}) + chunked(pieces))
    assert connection.answer().status == 200


def test_a_body_one_byte_larger_is_413(server: RunningServer) -> None:
    body = text_body(MAX_REQUEST_BYTES + 1)
    with connect(server.ports[0]) as connection:
        connection.send(request(body))
        assert_too_large(connection)
    with connect(server.ports[0]) as connection:
        connection.send(head({"Transfer-Encoding": "chunked"}) + chunked([body]))
        assert_too_large(connection)


@pytest.mark.parametrize("length", [MAX_REQUEST_BYTES + 1, 2**63])
def test_an_announced_size_is_refused_before_the_body(connection: Connection, length: int) -> None:
    connection.send(head({"Content-Length": length}))
    assert_too_large(connection)


def test_clients_hear_413_while_they_still_send(server: RunningServer) -> None:
    for _ in range(5):
        response = server.post({"str_data": "x" * 4_000_000})
        assert response.status_code == 413
        pieces = iter([text_body(1_000_000)] * 4)
        headers = {"Content-Type": "application/json"}
        response = requests.post(server.url(), data=pieces, headers=headers, timeout=GUARD_S)
        assert response.status_code == 413


@pytest.mark.parametrize("length", [8_000_000, 32_000_000])
def test_a_client_that_sends_all_first_reads_the_413(connection: Connection, length: int) -> None:
    connection.send(request(text_body(length)))
    assert_too_large(connection)
    connection.send(request(text_body(10)))
    assert connection.answer().status == 200


def test_a_client_that_sends_slowly_reads_the_413(connection: Connection) -> None:
    # Longer in all than the client may pause once, which is two seconds.
    whole = request(text_body(4_000_000))
    connection.send(whole[:1_000_000])
    for start in range(1_000_000, len(whole), 1_000_000):
        time.sleep(0.8)
        connection.send(whole[start : start + 1_000_000])
    assert_too_large(connection)
    connection.send(request(text_body(10)))
    assert connection.answer().status == 200


def test_a_client_that_stops_sending_a_refused_body_is_cut_off(connection: Connection) -> None:
    connection.send(request(text_body(4_000_000))[:3_000_000])
    assert_too_large(connection)
    assert connection.is_ended()


def test_a_client_that_sends_without_end_is_cut_off(server: RunningServer) -> None:
    with connect(server.ports[0]) as connection:
        connection.send(head({"Content-Length": 2**40}))
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(1000):
                connection.send(bytes(1_000_000))
    assert_serves(server)


def test_the_limit_of_the_head_is_exact(server: RunningServer) -> None:
    for length, status in (
        (MAX_HEADER_BYTES, 200),
        (MAX_HEADER_BYTES + 1, 431),
        (3 * MAX_HEADER_BYTES, 431),
    ):
        with connect(server.ports[0]) as connection:
            connection.send(padded(length))
            assert connection.answer().status == status, length


def test_a_head_that_does_not_end_closes_the_connection(connection: Connection) -> None:
    connection.send(head({"Content-Length": 5})[:-2])
    assert connection.is_ended()


def test_a_head_that_trickles_closes_the_connection(connection: Connection) -> None:
    ended = time.monotonic() + GUARD_S
    with pytest.raises(OSError, match=r"Broken pipe|Connection reset"):
        for byte in padded(MAX_HEADER_BYTES):
            assert time.monotonic() < ended
            connection.send(bytes([byte]))
            time.sleep(TIMEOUT_MS / 10_000)


@pytest.mark.parametrize("start", [b"", b"P", b"PRI * HTTP/2.0\r\n"])
def test_a_connection_that_says_nothing_is_closed(connection: Connection, start: bytes) -> None:
    connection.send(start)
    assert connection.is_ended()


def test_an_idle_connection_is_closed(connection: Connection) -> None:
    connection.send(request(b'{"str_data": "x"}'))
    assert connection.answer().status == 200
    assert connection.is_ended()


@pytest.mark.parametrize(
    ("start", "framing"),
    [
        (b'{"str_data"', {"Content-Length": 50}),
        (b"", {"Content-Length": 50}),
        (b"5\r\n{", {"Transfer-Encoding": "chunked"}),
    ],
)
def test_a_body_that_does_not_end_is_408(
    connection: Connection, start: bytes, framing: dict[str, object]
) -> None:
    connection.send(head(framing) + start)
    answer = connection.answer()
    assert answer.status == 408
    assert "limits.body_timeout_ms (300 ms)" in answer.json()["status"]["msg"]
    assert connection.is_ended()


def test_a_deadline_counts_while_the_body_arrives(user_server: RunningServer) -> None:
    with connect(user_server.ports[0]) as connection:
        connection.send(head({"Content-Length": 50, "X-Request-Timeout-Ms": 100}))
        assert connection.answer().status == 504


@pytest.mark.parametrize("garbage", [b"\0\xff\x01\x02\r\n\r\n", b"hello\r\n\r\n", b"\x16\x03\x01"])
def test_garbage_is_refused(server: RunningServer, connection: Connection, garbage: bytes) -> None:
    connection.send(garbage)
    connection.socket.shutdown(socket.SHUT_WR)
    answer = connection.socket.recv(1000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    assert_serves(server)


def test_contradicting_lengths_are_refused(server: RunningServer) -> None:
    for headers in (
        {"Content-Length": "5, 6"},
        {"Content-Length": "-1"},
        {"Content-Length": "+5"},
        {"Content-Length": 5, "content-length": 6},
        {"Transfer-Encoding": "gzip"},
        {"Transfer-Encoding": "chunked, gzip"},
    ):
        with connect(server.ports[0]) as connection:
            connection.send(head(headers) + b"hello")
            assert connection.answer().status == 400, headers


def test_pipelined_requests_are_answered_in_order(connection: Connection) -> None:
    bodies = [b'{"str_data": "%d"}' % number for number in range(50)]
    connection.send(b"".join(request(body) for body in bodies))
    found = [connection.answer().json()["str_data"] for _ in bodies]
    assert found == [str(number) for number in range(50)]


def test_half_a_request_does_not_hold_back_the_answer_before_it(connection: Connection) -> None:
    ask = request(b'{"str_data": "x"}')
    connection.send(ask + ask[:30])
    assert connection.answer().status == 200
    connection.send(ask[30:])
    assert connection.answer().status == 200


def split(data: bytes, seed: int) -> list[bytes]:
    """Part bytes at random places."""
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(1, len(data)), chance.randint(1, 20)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@pytest.mark.parametrize("seed", range(20))
def test_where_the_bytes_are_parted_makes_no_difference(
    user_server: RunningServer, seed: int
) -> None:
    text = "é\U0001f600" * 1000
    body = b'{"str_data": "%s"}' % text.encode()
    whole = request(body)
    in_chunks = head({"Transfer-Encoding": "chunked"}) + chunked(split(body, seed))
    with connect(user_server.ports[0]) as connection:
        for data in (whole, in_chunks):
            for piece in split(data, seed):
                connection.send(piece)
            assert connection.answer().json()["str_data"] == text


def test_expect_continue(server: RunningServer) -> None:
    body = b'{"str_data": "x"}'
    with connect(server.ports[0]) as connection:
        connection.send(head({"Content-Length": len(body), "Expect": "100-continue"}))
        assert connection.answer().status == 100
        connection.send(body)
        assert connection.answer().json()["str_data"] == "x"
    with connect(server.ports[0]) as connection:
        headers = {"Content-Length": MAX_REQUEST_BYTES + 1, "Expect": "100-continue"}
        connection.send(head(headers))
        assert_too_large(connection)


@pytest.mark.parametrize("value", ["0", "-1", "1.5", "soon", "99999999999999999999"])
def test_a_bad_timeout_is_400(user_server: RunningServer, value: str) -> None:
    headers = {"X-Request-Timeout-Ms": value}
    response = user_server.post({"str_data": "x"}, headers=headers)
    assert response.status_code == 400
    assert "X-Request-Timeout-Ms must be a whole number" in response.json()["status"]["msg"]


def test_a_deadline_is_504_and_frees_the_place(narrow: RunningServer) -> None:
    headers = {"X-Request-Timeout-Ms": "100"}
    response = narrow.post({"str_data": "33"}, "?model=sleeper", headers=headers)
    assert (response.status_code, response.json()["status"]["code"]) == (504, 504)
    wait_until(lambda: "33" in narrow.noted("disconnected"), "user code sees the deadline")
    assert narrow.post({"str_data": "0"}, "?model=sleeper").status_code == 200


def test_a_full_queue_is_429(narrow: RunningServer) -> None:
    refused: list[requests.Response] = []

    def is_refused() -> bool:
        headers = {"X-Request-Timeout-Ms": "50"}
        refused[:] = [narrow.post({"str_data": "x"}, headers=headers)]
        return refused[0].status_code == 429

    def ask() -> requests.Response:
        # Until its turn comes, a probe may have the only place in the queue.
        while (answer := narrow.post({"str_data": "x"}, "?model=waiter")).status_code == 429:
            pass
        return answer

    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(ask)]
        wait_until(lambda: narrow.noted("started") == ["x"], "the first runs")
        waiting.append(threads.submit(ask))
        wait_until(is_refused, "the second waits")
        assert refused[0].headers["Retry-After"] == "1"
        assert refused[0].json()["status"]["code"] == 429
        narrow.release()
        assert [answer.result(GUARD_S).status_code for answer in waiting] == [200, 200]
    assert_serves(narrow)


def test_one_connection_too_many_is_503_until_one_closes(tmp_path: Path) -> None:
    with serving(write_server(tmp_path, max_connections=3)) as server:
        assert_connections_are_limited(server.ports[0])


def assert_answered_and_closed(port: int, asked: bytes, status: int) -> None:
    with connect(port) as connection:
        connection.send(asked)
        answer = connection.answer()
        assert (answer.status, answer.headers["Connection"]) == (status, "close"), asked[:40]
        assert connection.is_ended()


def test_idle_clients_do_not_hold_the_places_of_health(tmp_path: Path) -> None:
    with serving(write_server(tmp_path, max_connections=1)) as server:
        held = [Connection(server.ports[0]) for _ in range(100)]
        assert is_alive(server.ports[0])
        assert_serves_health_over_grpc(server)
        for connection in held:
            connection.close()
        # The server needs a moment to see that they are closed.
        wait_until(lambda: server.post({"str_data": "x"}).status_code == 200, "a free connection")


def test_clients_are_answered_when_no_descriptor_is_free(tmp_path: Path) -> None:
    with serving(write_server(tmp_path)) as server:
        process = psutil.Process(server.process.pid)
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds(), process.num_fds()))
        held = [Connection(server.ports[0]) for _ in range(20)]
        for _ in range(10):
            assert is_alive(server.ports[0])
        assert_answered_and_closed(server.ports[0], request(b'{"str_data": "x"}'), 503)
        told = "can't accept a connection"
        wait_until(lambda: server.log().count(told) == 1, "the line of the log")
        for connection in held:
            connection.close()


def test_connections_fit_the_limit_of_open_files(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(64, soft), hard))
    try:
        with serving(write_server(tmp_path, max_connections=2**40)) as server:
            process = psutil.Process(server.process.pid)
            assert process.rlimit(psutil.RLIMIT_NOFILE)[0] == min(hard, 1 << 20)
            assert "allows fewer connections than max_connections" in server.whole_log()
            assert is_alive(server.ports[0])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_alive(port: int) -> bool:
    with connect(port) as connection:
        connection.send(head({}, LIVE, "GET"))
        return connection.answer().status == 200


def assert_serves_health_over_grpc(server: RunningServer) -> None:
    with server.stub() as stub:
        assert stub.CheckReadiness(GrpsMessage(), timeout=GUARD_S).status.code == 200
    with server.stub() as stub, pytest.raises(grpc.RpcError) as raised:
        stub.Predict(GrpsMessage(str_data="x"), timeout=GUARD_S)
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE


def assert_connections_are_limited(port: int) -> None:
    ask = request(b'{"str_data": "x"}')
    held = [Connection(port) for _ in range(3)]
    for connection in held:
        connection.send(ask)
        assert connection.answer().status == 200
    with connect(port) as connection:
        answer = connection.answer()
        assert (answer.status, answer.headers["Connection"]) == (503, "close")
        assert connection.is_ended()
    for path, status in ((LIVE, 200), ("/grps/v1/health/ready", 200), ("/metrics", 200)):
        assert_answered_and_closed(port, head({}, path, "GET"), status)
    for path in ("/", "/grps/v1/metadata/server"):
        assert_answered_and_closed(port, head({}, path, "GET"), 503)
    assert_answered_and_closed(port, ask, 503)
    assert_answered_and_closed(port, request(text_body(1_000_000)), 503)
    held.pop().close()

    def is_served() -> bool:
        with connect(port) as connection:
            connection.send(ask)
            return connection.answer().status == 200

    wait_until(is_served, "the place is free")
    for connection in held:
        connection.send(ask)
        assert connection.answer().status == 200
        connection.close()
