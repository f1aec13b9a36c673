"""Unix sockets, and connections of a proxy that sends the PROXY protocol."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from grps.deploy.connection import UnixConnection, connect
from grps.deploy.native import PROGRAM
from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from grps.server.state import ServiceState
from tests.support import GUARD_S, RunningServer, serving, wait_until, write_project

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LIVE = "/grps/v1/health/live"
MODELS = "/grps/v1/admin/models"


@pytest.fixture(scope="module", params=[None, PROGRAM], ids=["python", "native"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("sockets")
    interface = {
        "host": "127.0.0.1",
        "port": "0,0",
        "unix_socket": "own.sock",
        "unix_socket_mode": "600",
        "proxy_protocol": {"trusted": ["127.0.0.0/8", "0::1"]},
    }
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(folder / "own.sock"))
    models = [{"name": "echo", "version": "1.0.0", "inferer_type": "identity"}]
    settings = {"interface": interface, "log": {"access": True}}
    with serving(write_project(folder, models, settings), request.param) as running:
        yield running
    assert not (folder / "own.sock").exists()


def header(source: str, port: int, command: int = 0x21) -> bytes:
    """A header of version 2 for a client over IPv4."""
    addresses = socket.inet_aton(source) + socket.inet_aton("127.0.0.1")
    addresses += struct.pack(">HH", port, 80)
    return SIGNATURE + bytes([command, 0x11]) + struct.pack(">H", len(addresses)) + addresses


def answer(server: RunningServer, start: bytes, path: str = LIVE) -> str:
    """The response to a request on a connection that begins with some bytes."""
    with socket.create_connection(("127.0.0.1", server.ports[0]), timeout=GUARD_S) as plain:
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        plain.sendall(start + head.encode())
        with plain.makefile("rb") as reader:
            return reader.read().decode()


def test_a_unix_socket_is_local(server: RunningServer) -> None:
    path = server.folder / "own.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    connection = UnixConnection(str(path), GUARD_S)
    connection.request("GET", MODELS)
    response = connection.getresponse()
    assert response.status == 200
    assert response.read()
    connection.close()
    # The path, which is the authority otherwise, is no valid one.
    options = [("grpc.default_authority", "localhost")]
    with grpc.insecure_channel(f"unix:{path}", options) as channel:
        sent = GrpsMessage(str_data="x" * 300_000)
        assert GrpsServiceStub(channel).Predict(sent).str_data == sent.str_data


def test_the_tool_uses_a_socket_of_its_own(server: RunningServer) -> None:
    state = ServiceState.read(server.folder / "run" / "state.json")
    assert state is not None
    assert Path(state.unix_socket).stat().st_mode & 0o777 == 0o600
    connection = connect(state, GUARD_S)
    connection.request("GET", MODELS, headers={"Host": "localhost"})
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize(
    ("start", "shown"),
    [
        (header("192.0.2.7", 4711), "192.0.2.7:4711"),
        (b"PROXY TCP4 192.0.2.8 127.0.0.1 4712 80\r\n", "192.0.2.8:4712"),
        (b"PROXY TCP6 2001:db8::9 ::1 4713 80\r\n", "[2001:db8::9]:4713"),
    ],
)
def test_the_client_of_a_proxy_is_known(server: RunningServer, start: bytes, shown: str) -> None:
    assert answer(server, start).startswith("HTTP/1.1 200")
    wait_until(lambda: shown in server.log(), "the address of the client is logged")


def test_a_client_of_a_proxy_is_never_local(server: RunningServer) -> None:
    assert answer(server, header("127.0.0.1", 1), MODELS).startswith("HTTP/1.1 403")
    # The proxy's own connection has its own address.
    assert answer(server, header("127.0.0.1", 1, command=0x20), MODELS).startswith("HTTP/1.1 200")


@pytest.mark.parametrize("start", [b"", b"PROXY TCP4 a b c d\r\n", header("192.0.2.7", 1, 0x31)])
def test_a_proxy_must_send_the_header(server: RunningServer, start: bytes) -> None:
    got = answer(server, start)
    assert got.startswith("HTTP/1.1 400")
    assert "PROXY protocol" in got
