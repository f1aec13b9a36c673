"""What browsers need: gRPC-Web, and responses to pages of other origins."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator

import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.support import RunningServer, serving, write_project

PREDICT = "/grps.protos.v1.GrpsService/Predict"
ALLOWED, OTHER = "https://app.example", "https://other.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    cors = {"origins": [ALLOWED], "credentials": True, "expose": ["x-own"]}
    interface = {"host": "127.0.0.1", "port": "0,0", "cors": cors}
    models = [{"name": "echo", "version": "1.0.0", "inferer_type": "identity"}]
    folder = tmp_path_factory.mktemp("browsers")
    with serving(write_project(folder, models, {"interface": interface})) as running:
        yield running


def frames(body: bytes) -> list[tuple[int, bytes]]:
    """The frames of a body: flag and content."""
    found = []
    while body:
        flag, length = struct.unpack(">BI", body[:5])
        found.append((flag, body[5 : 5 + length]))
        body = body[5 + length :]
    return found


def call(
    server: RunningServer, path: str, message: bytes, kind: str = "application/grpc-web+proto"
) -> tuple[requests.Response, list[tuple[int, bytes]]]:
    sent = struct.pack(">BI", 0, len(message)) + message
    is_text = "text" in kind
    body = base64.b64encode(sent) if is_text else sent
    headers = {"Content-Type": kind, "X-Grpc-Web": "1", "Origin": ALLOWED}
    response = requests.post(server.url(path), data=body, headers=headers, timeout=20)
    received = response.content
    if is_text:
        parts = received.split(b"=")
        whole = b"".join(base64.b64decode(part + b"=" * (-len(part) % 4)) for part in parts if part)
        received = whole
    return response, frames(received)


@pytest.mark.parametrize("kind", ["application/grpc-web+proto", "application/grpc-web-text"])
@pytest.mark.parametrize("length", [1, 300_000])
def test_a_call_of_grpc_web(server: RunningServer, kind: str, length: int) -> None:
    sent = GrpsMessage(str_data="x" * length)
    response, (message, trailers) = call(server, PREDICT, sent.SerializeToString(), kind)
    assert response.headers["content-type"].startswith(kind.removesuffix("+proto"))
    assert message[0] == 0
    assert GrpsMessage.FromString(message[1]).str_data == sent.str_data
    assert trailers[0] == 0x80
    assert b"grpc-status: 0\r\n" in trailers[1]


def test_a_stream_and_other_services(server: RunningServer) -> None:
    sent = GrpsMessage(str_data="x").SerializeToString()
    _, received = call(server, f"{PREDICT}Streaming", sent)
    assert [flag for flag, _ in received] == [0, 0x80]
    for kind in ("application/grpc-web", "application/grpc-web-text"):
        _, received = call(server, "/inference.GRPCInferenceService/ServerLive", b"", kind)
        assert received[0] == (0, b"\x08\x01")
        _, received = call(server, "/grpc.health.v1.Health/Check", b"", kind)
        assert received[0] == (0, b"\x08\x01")


def test_errors_of_grpc_web(server: RunningServer) -> None:
    response, received = call(server, "/no.such/Method", b"")
    assert (response.status_code, response.headers["grpc-status"], received) == (200, "12", [])
    bad = requests.post(
        server.url(PREDICT),
        data=b"????",
        headers={"Content-Type": "application/grpc-web-text"},
        timeout=20,
    )
    assert bad.headers["grpc-status"] in ("3", "13")


def preflight(server: RunningServer, origin: str) -> requests.Response:
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-grpc-web",
    }
    return requests.options(server.url(), headers=headers, timeout=20)


def test_preflights(server: RunningServer) -> None:
    answer = preflight(server, ALLOWED)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-allow-headers"] == "content-type,x-grpc-web"
    assert "POST" in answer.headers["access-control-allow-methods"]
    refused = preflight(server, OTHER)
    assert not [name for name in refused.headers if name.startswith("access-control-")]


def test_responses_to_pages_of_other_origins(server: RunningServer) -> None:
    answer = server.post({"str_data": "x"}, headers={"Origin": ALLOWED})
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert answer.headers["access-control-expose-headers"].endswith("x-own")
    assert "origin" in answer.headers["vary"]
    for headers in ({"Origin": OTHER}, {}):
        answer = server.post({"str_data": "x"}, headers=headers)
        assert "access-control-allow-origin" not in answer.headers


def test_pages_of_other_origins_may_not_administrate(server: RunningServer) -> None:
    url = server.url("/grps/v1/health/offline")
    assert requests.post(url, headers={"Origin": ALLOWED}, timeout=20).status_code == 403


def test_cors_is_off_by_default(tmp_path_factory: pytest.TempPathFactory) -> None:
    models = [{"name": "echo", "version": "1.0.0", "inferer_type": "identity"}]
    with serving(write_project(tmp_path_factory.mktemp("off"), models)) as running:
        answer = preflight(running, ALLOWED)
        assert answer.status_code == 200
        assert "access-control-allow-origin" not in answer.headers
