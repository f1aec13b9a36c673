"""Calls that change the state of the service, from other machines."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest
import requests

from grps.deploy.admin import list_models
from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.services import inspect
from grps.errors import DeployError
from grps.protocol.pb.grps_pb2 import EmptyGrpsMessage, GrpsMessage
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from tests.raw_http2 import DATA, END_HEADERS, END_STREAM, HEADERS, block
from tests.raw_http2 import connect as open_http2
from tests.support import GUARD_S, RunningServer, serving, user_model, write_user_project


def own_addresses() -> list[str]:
    """The addresses of this machine besides the loopback; calls to them come from them."""
    found = [address for each in psutil.net_if_addrs().values() for address in each]
    ipv4 = [address.address for address in found if address.family == socket.AF_INET]
    return [address for address in ipv4 if not address.startswith("127.")]


def test_others_need_the_token(tmp_path: Path) -> None:
    interface = {"framework": "http", "host": "0.0.0.0", "port": "0"}
    write_user_project(tmp_path, [user_model("echo")], {"interface": interface})
    with serving(tmp_path, GRPS_ADMIN_TOKEN="secret") as server:

        def call(address: str, path: str, token: str = "") -> int:
            url = f"http://{address}:{server.ports[0]}/grps/v1/health/{path}"
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return requests.get(url, headers=headers, timeout=GUARD_S).status_code

        for address in own_addresses():
            assert [call(address, "offline"), call(address, "offline", "wrong")] == [403, 403]
            assert call(address, "ready") == 200
            assert call(address, "offline", "secret") == 200
            assert call(address, "ready") == 503
            assert call(address, "online", "secret") == 200
        assert call("127.0.0.1", "offline") == 403
        assert call("127.0.0.1", "offline", "secret") == 200
        assert call("127.0.0.1", "ready") == 503


def test_others_need_the_token_for_logs(tmp_path: Path) -> None:
    interface = {"framework": "http", "host": "0.0.0.0", "port": "0"}
    write_user_project(tmp_path, [user_model("echo")], {"interface": interface})
    with serving(tmp_path, GRPS_ADMIN_TOKEN="secret") as server:
        right = {"Authorization": "Bearer secret"}
        for address in own_addresses():
            root = f"http://{address}:{server.ports[0]}/grps/v1/admin"
            for method, path in ((requests.get, "logs"), (requests.post, "log-level?level=info")):
                assert method(f"{root}/{path}", timeout=GUARD_S).status_code == 403
                assert method(f"{root}/{path}", headers=right, timeout=GUARD_S).status_code == 200


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A service on the loopback with a token."""
    folder = tmp_path_factory.mktemp("guarded")
    write_user_project(folder, [user_model("echo")])
    with serving(folder, GRPS_ADMIN_TOKEN="secret") as running:
        yield running


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A service on the loopback without a token."""
    folder = tmp_path_factory.mktemp("open")
    write_user_project(folder, [user_model("echo")])
    with serving(folder, GRPS_ADMIN_TOKEN="") as running:
        yield running


ADMIN_CALLS = [
    ("GET", "/grps/v1/health/offline"),
    ("POST", "/grps/v1/health/offline"),
    ("GET", "/grps/v1/health/online"),
    ("POST", "/grps/v1/admin/models/echo-1.0.0/reload"),
    ("POST", "/grps/v1/admin/log-level?level=info"),
    ("GET", "/grps/v1/admin/models"),
    ("GET", "/grps/v1/admin/logs"),
]


def status_of(server: RunningServer, method: str, path: str, headers: dict[str, str]) -> int:
    """The status of a request with exactly these headers, and a ``Host`` unless they have one."""
    lines = {"Host": f"127.0.0.1:{server.ports[0]}", "Connection": "close", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    with socket.create_connection(("127.0.0.1", server.ports[0]), GUARD_S) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode())
        return int(connection.recv(1000).split()[1])


@pytest.mark.parametrize(("method", "path"), ADMIN_CALLS)
def test_the_token_counts_from_this_machine_too(
    guarded: RunningServer, method: str, path: str
) -> None:
    assert status_of(guarded, method, path, {}) == 403
    for wrong in ("Bearer wrong", "secret", "Basic secret", "Bearer"):
        assert status_of(guarded, method, path, {"Authorization": wrong}) == 403
    for right in ("Bearer secret", "bearer secret", "BEARER  secret"):
        assert status_of(guarded, method, path, {"Authorization": right}) == 200
    cross = {"Authorization": "Bearer secret", "Sec-Fetch-Site": "cross-site"}
    assert status_of(guarded, method, path, cross) == 403
    with_name = {"Authorization": "Bearer secret", "Host": "grps.example.com"}
    assert status_of(guarded, method, path, with_name) == 200


FOREIGN: list[dict[str, str]] = [
    {"Host": "evil.test:{port}"},
    {"Host": "evil.test:{port}", "Origin": "http://evil.test:{port}"},
    {"Host": "127.0.0.1.evil.test"},
    {"Host": "0.0.0.0:{port}"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://evil.test"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "null"},
    {"Referer": "http://evil.test/page"},
    {"X-Forwarded-For": "192.0.2.1"},
    {"Forwarded": "for=192.0.2.1"},
    {"Via": "1.1 proxy"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(("method", "path"), ADMIN_CALLS)
def test_pages_and_proxies_may_not_act_as_this_machine(
    open_server: RunningServer, method: str, path: str, headers: dict[str, str]
) -> None:
    port = str(open_server.ports[0])
    sent = {name: value.replace("{port}", port) for name, value in headers.items()}
    assert status_of(open_server, method, path, sent) == 403


def test_a_page_with_a_name_for_the_loopback_may_do_nothing(
    open_server: RunningServer, guarded: RunningServer
) -> None:
    port = open_server.ports[0]
    evil = f"evil.test:{port}"
    paths = [
        *("/", "/metrics", "/openapi.json", "/v2", "/v2/models/echo", "/v2/models/echo/infer"),
        *("/grps/v1/infer/predict", "/grps/v1/metadata/server", "/grps/v1/health/live"),
        *("/GrpsBrpcService/Predict", "/v1/models/echo", "/predictions/echo", "/none"),
    ]
    for path in paths:
        for method in ("GET", "POST", "OPTIONS"):
            for server in (open_server, guarded):
                page = {"Host": evil, "Origin": f"http://{evil}"}
                assert status_of(server, method, path, page) == 403, (method, path)
    opening = {"Upgrade": "websocket", "Connection": "upgrade", **page}
    assert status_of(open_server, "GET", "/grps/v1/infer/predict/ws", opening) == 403
    web = {"Content-Type": "application/grpc-web+proto", "Content-Length": "0", **page}
    with socket.create_connection(("127.0.0.1", port), GUARD_S) as connection:
        lines = "".join(f"{name}: {value}\r\n" for name, value in web.items())
        path = "/grps.protos.v1.GrpsService/Predict"
        connection.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode())
        assert b"is no name of it" in connection.recv(4000)
    with open_http2(port) as http2:
        fields = {":method": "GET", ":scheme": "http", ":path": "/v2", ":authority": evil}
        fields["user-agent"] = "Mozilla/5.0"
        http2.send(HEADERS, END_STREAM | END_HEADERS, 1, block(fields))
        answer = next(frame for frame in http2.frames() if frame.kind == DATA)
        assert b"is no name of it" in answer.payload
    options = [("grpc.default_authority", evil)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        # No page can make this call, so a program may name the service as it likes.
        assert GrpsServiceStub(channel).Predict(GrpsMessage(str_data="x")).str_data == "x"
    assert status_of(open_server, "GET", "/v2", {"Host": evil}) == 200
    for own in ("localhost", f"demo.localhost:{port}", "192.0.2.1", f"[::1]:{port}"):
        assert status_of(open_server, "GET", "/v2", {"Host": own}) == 200


def test_names_of_the_configuration_are_served(tmp_path: Path) -> None:
    interface = {"host": "127.0.0.1", "port": "0,0", "hosts": ["model.example"]}
    write_user_project(tmp_path, [user_model("echo")], {"interface": interface})
    with serving(tmp_path, GRPS_ADMIN_TOKEN="") as running:
        assert status_of(running, "GET", "/v2", {"Host": "model.example:80"}) == 200
        page = {"Host": "other.example", "Accept-Language": "en"}
        assert status_of(running, "GET", "/v2", page) == 403
        admin = "/grps/v1/admin/models"
        assert status_of(running, "GET", admin, {"Host": "model.example:80"}) == 403


@pytest.mark.parametrize(("method", "path"), ADMIN_CALLS)
def test_this_machine_needs_no_token_without_one(
    open_server: RunningServer, method: str, path: str
) -> None:
    port = open_server.ports[0]
    for headers in (
        {},
        {"Host": f"localhost:{port}"},
        {"Host": f"[::1]:{port}", "Accept": "*/*", "User-Agent": "curl/8"},
        {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
        {"Referer": f"http://127.0.0.1:{port}/"},
    ):
        assert status_of(open_server, method, path, headers) == 200
    assert status_of(open_server, "GET", "/grps/v1/health/online", {}) == 200


def test_grpc_admin_calls(guarded: RunningServer, open_server: RunningServer) -> None:
    empty = EmptyGrpsMessage()
    with guarded.stub() as stub:
        assert stub.Offline(empty).status.code == 403
        assert stub.Offline(empty, metadata=[("authorization", "bearer secret")]).status.code == 200
        assert stub.Online(empty, metadata=[("authorization", "Bearer secret")]).status.code == 200
    with open_server.stub() as stub:
        assert stub.Offline(empty).status.code == 200
        assert stub.Online(empty).status.code == 200
    address = f"127.0.0.1:{open_server.ports[0]}"
    options = [("grpc.default_authority", "evil.test")]
    with grpc.insecure_channel(address, options=options) as channel:
        assert GrpsServiceStub(channel).Offline(empty).status.code == 403


def test_grpst_sends_the_token(guarded: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    service = inspect(ServiceFolder("guarded", guarded.folder))
    monkeypatch.delenv("GRPS_ADMIN_TOKEN", raising=False)
    with pytest.raises(DeployError, match="GRPS_ADMIN_TOKEN"):
        list_models(service)
    monkeypatch.setenv("GRPS_ADMIN_TOKEN", "secret")
    assert [model["model"] for model in list_models(service)] == ["echo-1.0.0"]
