"""Heads and bodies of requests that break the rules of HTTP."""

from __future__ import annotations

import pytest

from tests import raw_http2
from tests.raw_http import PREDICT, Answer, connect, head
from tests.raw_http2 import END_HEADERS, END_STREAM, HEADERS
from tests.support import RunningServer

BODY = b'{"str_data": "x"}'
LIVE = "/grps/v1/health/live"
GRPC_PREDICT = "/grps.protos.v1.GrpsService/Predict"


def send(server: RunningServer, data: bytes) -> Answer:
    """Send bytes; the server must close the connection after its response."""
    with connect(server.ports[0]) as connection:
        connection.send(data)
        answer = connection.answer()
        assert answer.headers["Connection"] == "close"
        assert connection.is_ended()
        return answer


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "no Host header"),
        (["Host: a", "Host: a"], "more than one Host header"),
        (["Host: a", "Host: b"], "more than one Host header"),
        (["Host:"], "is not a host"),
        (["Host: a b"], "is not a host"),
        (["Host: user@a"], "is not a host"),
        (["Host: a:99999"], "is not a host"),
        (["Host: http://a/"], "is not a host"),
        (["Host: a%zz"], "is not a host"),
        (["Host: [1:2]"], "is not a host"),
    ],
)
def test_a_request_must_name_one_host(
    user_server: RunningServer, lines: list[str], message: str
) -> None:
    for start in (f"GET {LIVE} HTTP/1.1", f"GET http://a{LIVE} HTTP/1.1", "GET /none HTTP/1.1"):
        answer = send(user_server, "\r\n".join([start, *lines, "", ""]).encode())
        assert answer.status == 400
        assert message in answer.json()["status"]["msg"]


def test_http10_needs_no_host(user_server: RunningServer) -> None:
    with connect(user_server.ports[0]) as connection:
        connection.send(f"GET {LIVE} HTTP/1.0\r\n\r\n".encode())
        assert connection.socket.recv(12) == b"HTTP/1.0 200"


@pytest.mark.parametrize(
    "encodings", [["gzip, chunked"], ["gzip", "chunked"], ["chunked", "chunked"], ["x, chunked"]]
)
def test_only_chunked_bodies_are_decoded(user_server: RunningServer, encodings: list[str]) -> None:
    lines = [
        f"POST {PREDICT} HTTP/1.1",
        "Host: localhost",
        *(f"Transfer-Encoding: {e}" for e in encodings),
    ]
    data = "\r\n".join([*lines, "", ""]).encode() + b"11\r\n" + BODY + b"\r\n0\r\n\r\n"
    answer = send(user_server, data)
    assert answer.status == 400


def test_a_request_with_two_framings_ends_its_connection(user_server: RunningServer) -> None:
    framing = {"Content-Length": 5, "Transfer-Encoding": "chunked"}
    data = head(framing) + b"11\r\n" + BODY + b"\r\n0\r\n\r\n"
    send(user_server, data + head({}, LIVE, "GET"))


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"-1\r\n",
        b"0x11\r\n" + BODY,
        b"11\n" + BODY,
        b"11\r\n" + BODY + b"XX0\r\n\r\n",
        b"fffffffffffffffff\r\n",
        b"11;" + b"x" * 40_000 + b"\r\n",
        b"11\r\n" + BODY + b"\r\n0\r\nb@d header\r\n\r\n",
    ],
)
def test_malformed_chunks_are_400(user_server: RunningServer, body: bytes) -> None:
    with connect(user_server.ports[0]) as connection:
        connection.send(head({"Transfer-Encoding": "chunked"}) + body)
        answer = connection.answer()
        assert answer.status == 400
        assert "the body is malformed" in answer.json()["status"]["msg"]


@pytest.mark.parametrize(
    "kind",
    ["application/grpcfoo", "application/grpc-webs", "text/plain", "application/grpc"],
)
def test_other_protocols_get_415_for_methods_of_grpc(user_server: RunningServer, kind: str) -> None:
    """gRPC over HTTP/1.1 is another protocol too."""
    with connect(user_server.ports[0]) as connection:
        connection.send(head({"Content-Type": kind, "Content-Length": 0}, GRPC_PREDICT))
        assert connection.answer().status == 415


def test_a_body_that_no_route_reads_leaves_the_connection(user_server: RunningServer) -> None:
    with connect(user_server.ports[0]) as connection:
        for _ in range(3):
            connection.send(head({"Content-Length": 2}, LIVE))
            assert connection.answer().status == 200
            connection.send(b"{}")


def test_options_of_the_whole_server(user_server: RunningServer) -> None:
    with connect(user_server.ports[0]) as connection:
        connection.send(
            b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n"
            b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
        answer = connection.answer()
        assert (answer.status, answer.headers["Allow"]) == (200, "GET, HEAD, OPTIONS, POST")
        assert connection.answer().status == 404


def http2_status(server: RunningServer, headers: dict[str, str]) -> bytes | None:
    """The status of a request with these headers; `None` when the stream is reset."""
    fields = {":method": "GET", ":scheme": "http", ":path": LIVE, **headers}
    with raw_http2.connect(server.ports[0]) as connection:
        block = raw_http2.block(fields)
        connection.send(HEADERS, END_HEADERS | END_STREAM, 1, block)
        for frame in connection.frames():
            if frame.stream == 1:
                # Statuses 200 and 400 are in the static table.
                return frame.payload[:1] if frame.kind == HEADERS else None
    return None


def test_http2_requests_must_name_one_authority(user_server: RunningServer) -> None:
    ok, bad = b"\x88", (b"\x8c", None)
    assert http2_status(user_server, {":authority": "localhost:1"}) == ok
    assert http2_status(user_server, {":authority": "localhost:1", "host": "LocalHost:1"}) == ok
    assert http2_status(user_server, {"host": "localhost"}) == ok
    for wrong in ({}, {":authority": "a", "host": "b"}, {":authority": "u@a"}, {"host": "a b"}):
        assert http2_status(user_server, wrong) in bad, wrong
