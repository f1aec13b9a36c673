"""TLS: every protocol over it, certificates of clients, and the reload of certificates."""

from __future__ import annotations

import http.client
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from websockets.sync.client import connect

from grps.deploy.native import PROGRAM
from grps.protocol.pb.grps_pb2 import EmptyGrpsMessage, GrpsMessage
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from grps.server.state import ServiceState
from tests.certificates import Authority, Pair
from tests.support import (
    GUARD_S,
    RunningServer,
    launch,
    serving,
    wait_for,
    wait_until,
    write_project,
)

IDENTITY = {"name": "echo", "version": "1.0.0", "inferer_type": "identity"}
LIVE = "/grps/v1/health/live"
ENCRYPTED = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
PREDICT = "/grps/v1/infer/predict"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="module")
def client(authority: Authority) -> Pair:
    return authority.sign("client", "/O=Example/CN=robot")


@pytest.fixture(scope="module", params=[None, PROGRAM], ids=["python", "native"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("tls")
    put(authority.sign("first", "/CN=first", "DNS:localhost,IP:127.0.0.1"), folder)
    tls = {"client_ca": str(authority.pair.cert), "client_auth": "optional"}
    with serving(project(folder, **tls), request.param) as running:
        yield running


def put(pair: Pair, folder: Path) -> None:
    """Put a certificate where the service reads it."""
    shutil.copy(pair.key, folder / "key.pem")
    shutil.copy(pair.cert, folder / "cert.pem")


def project(folder: Path, **tls: Any) -> Path:
    """A project with TLS; the certificate is beside ``conf``."""
    interface = {
        "host": "127.0.0.1",
        "port": "0,0",
        "tls": {"cert": "cert.pem", "key": "key.pem", **tls},
    }
    settings = {"interface": interface, "log": {"access": True}}
    return write_project(folder, [IDENTITY], settings)


def context(authority: Authority, client: Pair | None = None) -> ssl.SSLContext:
    """What a client trusts, and its certificate."""
    made = ssl.create_default_context(cafile=str(authority.pair.cert))
    if client is not None:
        made.load_cert_chain(client.cert, client.key)
    return made


@contextmanager
def connection(
    server: RunningServer, used: ssl.SSLContext
) -> Iterator[http.client.HTTPSConnection]:
    """A connection that is closed when the block ends."""
    made = http.client.HTTPSConnection("127.0.0.1", server.ports[0], timeout=20, context=used)
    try:
        yield made
    finally:
        made.close()


def get(opened: http.client.HTTPSConnection) -> int:
    """The status of a request."""
    opened.request("GET", LIVE)
    response = opened.getresponse()
    response.read()
    return response.status


def get_once(server: RunningServer, used: ssl.SSLContext) -> int:
    """The status of a request over a connection of its own."""
    with connection(server, used) as opened:
        return get(opened)


def test_http_over_tls_with_names_of_clients(
    server: RunningServer, authority: Authority, client: Pair
) -> None:
    url = f"https://localhost:{server.ports[0]}{PREDICT}"
    sent = requests.post(url, json={"str_data": "x"}, verify=str(authority.pair.cert), timeout=20)
    assert sent.json()["str_data"] == "x"
    requests.post(
        url,
        json={"str_data": "x"},
        verify=str(authority.pair.cert),
        cert=(str(client.cert), str(client.key)),
        timeout=20,
    ).raise_for_status()
    wait_until(lambda: "CN=robot,O=Example@127.0.0.1:" in server.log(), "the name is logged")


def test_grpc_over_tls(server: RunningServer, authority: Authority, client: Pair) -> None:
    credentials = grpc.ssl_channel_credentials(
        authority.pair.cert.read_bytes(), client.key.read_bytes(), client.cert.read_bytes()
    )
    with grpc.secure_channel(f"localhost:{server.ports[0]}", credentials) as channel:
        stub = GrpsServiceStub(channel)
        assert stub.Predict(GrpsMessage(str_data="a" * 200_000)).str_data == "a" * 200_000
        assert stub.CheckReadiness(EmptyGrpsMessage()).status.code == 200


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), (["http/1.1"], "http/1.1")],
)
def test_application_protocols(
    server: RunningServer, authority: Authority, offered: list[str], chosen: str
) -> None:
    used = context(authority)
    used.set_alpn_protocols(offered)
    plain = socket.create_connection(("127.0.0.1", server.ports[0]), timeout=20)
    with used.wrap_socket(plain, server_hostname="localhost") as wrapped:
        assert wrapped.selected_alpn_protocol() == chosen


def test_websocket_over_tls(server: RunningServer, authority: Authority) -> None:
    address = f"wss://localhost:{server.ports[0]}{PREDICT}/ws"
    with connect(address, ssl=context(authority), open_timeout=GUARD_S) as socket:
        socket.send('{"str_data": "x"}')
        assert '"str_data":"x"' in str(socket.recv(GUARD_S))
        assert '"final":true' in str(socket.recv(GUARD_S))


def test_plain_requests_are_told(server: RunningServer) -> None:
    answer = requests.post(server.url(), data=b"x" * 100_000, timeout=20)
    assert (answer.status_code, answer.headers["connection"]) == (400, "close")
    assert "uses TLS" in answer.text


def test_old_versions_and_strangers_are_refused(
    server: RunningServer, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority.make(tmp_path, "other").sign("stranger", "/CN=stranger")
    with pytest.raises(OSError):
        get_once(server, context(authority, stranger))
    old = ["openssl", "s_client", "-tls1_1", "-connect", f"127.0.0.1:{server.ports[0]}"]
    assert subprocess.run(old, input=b"", capture_output=True, check=False).returncode != 0


def test_the_tool_reaches_the_service(server: RunningServer) -> None:
    state = ServiceState.read(server.folder / "run" / "state.json")
    assert state is not None
    assert state.tls
    own = Path(state.unix_socket)
    assert own.stat().st_mode & 0o777 == 0o600
    code = f"""
from grps.deploy.connection import connect
from grps.server.state import ServiceState
from pathlib import Path
used = connect(ServiceState.read(Path({str(server.folder / "run/state.json")!r})), 20)
used.request("GET", "/grps/v1/admin/models", headers={{"Host": "localhost"}})
print(used.getresponse().status)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "200\n"


def test_new_certificates_are_used_and_connections_stay(
    server: RunningServer, authority: Authority, tmp_path: Path
) -> None:
    with connection(server, context(authority)) as kept:
        assert get(kept) == 200
        second = Authority.make(tmp_path, "second")
        put(second.sign("new", "/CN=new", "DNS:localhost,IP:127.0.0.1"), server.folder)
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "were read again" in server.log(), "the certificates are read again")
        assert get_once(server, context(second)) == 200
        assert get(kept) == 200
    (server.folder / "key.pem").write_text("no key")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "the earlier ones stay" in server.log(), "the failure is logged")
    assert get_once(server, context(second)) == 200


def test_a_certificate_can_be_required(tmp_path: Path, authority: Authority, client: Pair) -> None:
    put(authority.sign("own", "/CN=own", "IP:127.0.0.1"), tmp_path)
    folder = project(tmp_path, client_ca=str(authority.pair.cert))
    file = folder / "conf" / "server.yml"
    file.write_text(file.read_text() + "limits: {header_timeout_ms: 2000}\n")
    with serving(folder) as running:
        assert get_once(running, context(authority, client)) == 200
        with pytest.raises(OSError):
            get_once(running, context(authority))
        with socket.create_connection(("127.0.0.1", running.ports[0]), timeout=20) as slow:
            # A handshake that is not finished ends with the time for a head.
            slow.sendall(b"\x16\x03\x01\x01")
            assert slow.recv(1) == b""
        state = ServiceState.read(tmp_path / "run" / "state.json")
        assert state is not None
    assert not Path(state.unix_socket).exists()


def test_revoked_certificates_are_refused(tmp_path: Path, authority: Authority) -> None:
    put(authority.sign("own-crl", "/CN=own", "IP:127.0.0.1"), tmp_path)
    good, bad = authority.sign("good", "/CN=good"), authority.sign("bad", "/CN=bad")
    used = tmp_path / "clients.crl"
    shutil.copy(authority.revoke(bad), used)
    folder = project(tmp_path, client_ca=str(authority.pair.cert), client_crl=str(used))
    with serving(folder) as running:
        assert get_once(running, context(authority, good)) == 200
        with pytest.raises(OSError):
            get_once(running, context(authority, bad))
        with connection(running, context(authority, good)) as kept:
            assert get(kept) == 200
            shutil.copy(authority.revoke(good, bad, name="both"), used)
            running.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "were read again" in running.log(), "the list is read again")
            with pytest.raises(OSError):
                get_once(running, context(authority, good))
            assert get(kept) == 200
        used.write_text("no list")
        running.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "the earlier ones stay" in running.log(), "the failure is logged")
        assert "has no 'BEGIN X509 CRL'" in running.log()
        with pytest.raises(OSError):
            get_once(running, context(authority, good))


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("cert.pem", None, "interface.tls.cert: {folder}/cert.pem: No such file"),
        ("key.pem", ENCRYPTED, "is encrypted"),
        ("key.pem", "other", "is not the key of the certificate"),
    ],
)
def test_files_are_checked_at_the_start(
    tmp_path: Path, authority: Authority, client: Pair, file: str, text: str | None, expected: str
) -> None:
    put(authority.sign("checked", "/CN=own"), tmp_path)
    if text is None:
        (tmp_path / file).unlink()
    elif text == "other":
        shutil.copy(client.key, tmp_path / file)
    else:
        (tmp_path / file).write_text(text)
    process = launch(project(tmp_path))
    state = wait_for(process, tmp_path, "failed")
    process.wait(20)
    assert expected.format(folder=tmp_path) in (state.error or "")
