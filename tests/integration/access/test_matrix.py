"""Every route of every protocol, with every kind of credentials.

A route that this file does not know fails a test: say here who may call it.
"""

from __future__ import annotations

import hashlib
import re
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect as connect_websocket

from grps.config.routes import OPTIONAL_PATHS, OWN_PATHS, PREDICT_PATH
from grps.deploy.connection import UnixConnection
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.certificates import Authority, Pair
from tests.credentials import SCOPES, bearer, key_of
from tests.raw_brpc import Call, connect
from tests.support import GUARD_S, REPOSITORY, RunningServer, serving, write_project

CONTROL = {
    "Online": "admin",
    "Offline": "admin",
    "CheckLiveness": None,
    "CheckReadiness": None,
    "ServerMetadata": "read",
    "ModelMetadata": "read",
}
BRPC = {"Predict": "infer", "PredictByHttp": "infer", **CONTROL}
BRPC_SERVICES = ("grps.protos.v1.GrpsBrpcService", "GrpsBrpcService")
OIP = {
    "ServerLive": None,
    "ServerReady": None,
    "ModelReady": None,
    "ServerMetadata": "read",
    "ModelMetadata": "read",
    "ModelConfig": "read",
    "ModelStatistics": "read",
    "ModelInfer": "infer",
    "ModelStreamInfer": "infer",
    "RepositoryIndex": "read",
    "RepositoryModelLoad": "admin",
    "RepositoryModelUnload": "admin",
    "SystemSharedMemoryStatus": "read",
    "SystemSharedMemoryRegister": "admin",
    "SystemSharedMemoryUnregister": "read",
    "CudaSharedMemoryStatus": "read",
    "CudaSharedMemoryRegister": "admin",
    "CudaSharedMemoryUnregister": "read",
    "TraceSetting": "read",
    "LogSettings": "read",
}
REFLECTION: dict[str, str | None] = {"ServerReflectionInfo": "read"}
GRPS = "grps.protos.v1.GrpsService"
SERVICES: dict[str, dict[str, str | None]] = {
    GRPS: {"Predict": "infer", "PredictStreaming": "infer", **CONTROL},
    "inference.GRPCInferenceService": OIP,
    "grpc.health.v1.Health": {"Check": None, "Watch": None},
    "grpc.reflection.v1.ServerReflection": REFLECTION,
    "grpc.reflection.v1alpha.ServerReflection": REFLECTION,
    "tensorflow.serving.PredictionService": {
        "Predict": "infer",
        "Classify": "infer",
        "Regress": "infer",
        "GetModelMetadata": "read",
        "MultiInference": "read",
        "PredictStreamed": "read",
    },
    "tensorflow.serving.ModelService": {
        "GetModelStatus": "read",
        "HandleReloadConfigRequest": "read",
    },
    "tensorflow.serving.SessionService": {"SessionRun": "read"},
    "org.pytorch.serve.grpc.inference.InferenceAPIsService": {
        "Ping": None,
        "Predictions": "infer",
        "StreamPredictions": "infer",
        "StreamPredictions2": "read",
    },
    "org.pytorch.serve.grpc.management.ManagementAPIsService": {
        "ListModels": "read",
        "DescribeModel": "read",
        "RegisterModel": "read",
        "UnregisterModel": "read",
        "ScaleWorker": "read",
        "SetDefault": "read",
    },
}
"""The methods of each service of gRPC, and the scope that each needs."""
RPCS = {f"/{name}/{rpc}": scope for name, rpcs in SERVICES.items() for rpc, scope in rpcs.items()}
MODELS = ("/v2/models/{model}", "/v2/models/{model}/versions/{version}")
MEMORY = ("/v2/systemsharedmemory", "/v2/cudasharedmemory")
WEBSOCKET = "/grps/v1/infer/predict/ws"
REGION = "/region/{region}"
TFSERVING = (
    "/v1/models/{model}",
    "/v1/models/{model}/versions/{version}",
    "/v1/models/{model}/labels/{label}",
)
REFUSED = (
    "/wfpredict/{*workflow}",
    "/workflows",
    "/workflows/{*workflow}",
)
HIDDEN = "/v1/models/{*model}"
"""A route of TorchServe that TensorFlow Serving takes the place of."""

HTTP: dict[tuple[str, str], str | None] = {
    **dict.fromkeys([("GET", "/"), ("GET", "/grps/v1/health/live")]),
    **dict.fromkeys([("GET", "/grps/v1/health/ready"), ("GET", "/v2/health/live")]),
    **dict.fromkeys([("GET", "/v2/health/ready")]),
    **dict.fromkeys([("GET", f"{model}/ready") for model in MODELS]),
    # Each method of bRPC; the pattern serves the names that are none.
    **{
        ("POST", f"/{service}/{method}"): scope
        for service in BRPC_SERVICES
        for method, scope in {**BRPC, "{method}": None}.items()
    },
    ("POST", PREDICT_PATH): "infer",
    ("GET", WEBSOCKET): "infer",
    **dict.fromkeys([("POST", f"{model}/infer") for model in MODELS], "infer"),
    **dict.fromkeys([("POST", f"{model}/generate") for model in MODELS], "infer"),
    **dict.fromkeys([("POST", f"{model}/generate_stream") for model in MODELS], "infer"),
    **dict.fromkeys([("GET", model) for model in MODELS], "read"),
    **dict.fromkeys([("GET", f"{model}/config") for model in MODELS], "read"),
    **dict.fromkeys([("GET", f"{model}/stats") for model in MODELS], "read"),
    **dict.fromkeys([("GET", f"{model}/trace/setting") for model in MODELS], "read"),
    **dict.fromkeys([("POST", f"{model}/trace/setting") for model in MODELS], "admin"),
    **dict.fromkeys([("GET", f"{memory}/status") for memory in MEMORY], "read"),
    **dict.fromkeys([("GET", f"{memory}{REGION}/status") for memory in MEMORY], "read"),
    **dict.fromkeys([("POST", f"{memory}{REGION}/register") for memory in MEMORY], "admin"),
    # What these remove needs the scope admin; nothing is registered here.
    **dict.fromkeys([("POST", f"{memory}/unregister") for memory in MEMORY], "read"),
    **dict.fromkeys([("POST", f"{memory}{REGION}/unregister") for memory in MEMORY], "read"),
    ("GET", "/v2"): "read",
    ("GET", "/v2/logging"): "read",
    ("POST", "/v2/logging"): "admin",
    ("GET", "/v2/trace/setting"): "read",
    ("POST", "/v2/trace/setting"): "admin",
    ("GET", "/v2/models/stats"): "read",
    ("POST", "/v2/repository/index"): "read",
    ("POST", "/v2/repository/models/{model}/load"): "admin",
    ("POST", "/v2/repository/models/{model}/unload"): "admin",
    **dict.fromkeys([("GET", model) for model in TFSERVING], "read"),
    **dict.fromkeys([("GET", f"{model}/metadata") for model in TFSERVING], "read"),
    **{
        ("POST", f"{model}:{method}"): "infer"
        for model in TFSERVING
        for method in ("predict", "classify", "regress")
    },
    ("GET", "/ping"): None,
    ("POST", "/predictions/{model}"): "infer",
    ("PUT", "/predictions/{model}/{version}"): "infer",
    ("POST", "/explanations/{model}"): "infer",
    ("PUT", "/explanations/{model}/{version}"): "infer",
    ("GET", "/models"): "read",
    ("GET", "/models/{model}"): "read",
    ("GET", "/models/{model}/{version}"): "read",
    **dict.fromkeys([("DELETE", path) for path in REFUSED], "read"),
    **{
        ("POST", path): "infer"
        for path in OPTIONAL_PATHS["openai"]
        if not path.startswith("/v1/models")
    },
    ("GET", "/v1/models"): "read",
    ("GET", "/metrics"): "read",
    ("GET", "/openapi.json"): "read",
    ("GET", "/grps/v1/metadata/server"): "read",
    ("POST", "/grps/v1/metadata/model"): "read",
    **{
        ("GET", f"/grps/v1/monitor/{name}"): "read"
        for name in ("live", "metrics", "models", "names", "requests", "series", "trends")
    },
    ("GET", "/grps/v1/admin/logs"): "admin",
    ("GET", "/grps/v1/admin/models"): "admin",
    ("POST", "/grps/v1/admin/models/{model}/{action}"): "admin",
    ("POST", "/grps/v1/admin/log-level"): "admin",
    ("GET", "/grps/v1/admin/capture"): "admin",
    ("POST", "/grps/v1/admin/capture/start"): "admin",
    ("POST", "/grps/v1/admin/capture/stop"): "admin",
    ("GET", "/grps/v1/admin/capture/records"): "admin",
    ("GET", "/grps/v1/admin/services"): "admin",
    ("PUT", "/grps/v1/admin/services/{name}/endpoints"): "admin",
    ("GET", "/grps/v1/admin/traffic"): "admin",
    ("POST", "/grps/v1/admin/traffic/{model}/{action}"): "admin",
    ("GET", "/grps/v1/health/online"): "admin",
    ("GET", "/grps/v1/health/offline"): "admin",
}
"""The scope that each route over HTTP needs; none for those that every client may call."""

ALL = frozenset(SCOPES)
UNKNOWN: dict[str, dict[str, str]] = {
    "none at all": {},
    "a wrong key": bearer("wrong"),
    "an empty key": bearer(""),
    "an empty X-API-Key": {"X-API-Key": ""},
    "a very long key": bearer("k" * 6000),
    "another scheme": {"Authorization": "Basic cm9vdDpyb290"},
    "a key without a scheme": {"Authorization": key_of("all")},
    "a digest as key": bearer(hashlib.sha256(key_of("all").encode()).hexdigest()),
    "a key in another case": bearer(key_of("all").upper()),
    "an unreadable key beside one": {"Authorization": "Bearer", "X-API-Key": key_of("all")},
    "a wrong key beside one": {**bearer("wrong"), "X-API-Key": key_of("all")},
}
KNOWN: dict[str, tuple[dict[str, str], frozenset[str]]] = {
    "a key without scopes": (bearer(key_of("none")), frozenset()),
    "a key of all scopes": ({"X-API-Key": key_of("all")}, ALL),
    "a scheme in capitals": ({"Authorization": f"BEARER {key_of('all')}"}, ALL),
    "the admin token": (bearer("root"), ALL),
    **{f"a key of {scope}": (bearer(key_of(scope)), frozenset({scope})) for scope in SCOPES},
}
NAMES = (*UNKNOWN, *KNOWN)
SOME = ("none at all", "a wrong key", "a key of infer", "a key of admin")
"""For what reads the credentials as another protocol does."""


def headers_of(name: str) -> dict[str, str]:
    return UNKNOWN[name] if name in UNKNOWN else KNOWN[name][0]


def expected(name: str, scope: str | None) -> int:
    """401 or 403; 0 for another outcome."""
    if scope is None:
        return 0
    if name in UNKNOWN:
        return 401
    return 0 if scope in KNOWN[name][1] else 403


def path_of(pattern: str) -> str:
    """A path that a pattern matches, of a model that there is none."""
    for name, value in {"model": "missing", "version": "1", "action": "load"}.items():
        pattern = pattern.replace(f"{{{name}}}", value)
    return re.sub(r"{\*?\w+}", "Nope", pattern)


def refusal(status: int) -> int:
    return status if status in {401, 403} else 0


def test_each_route_is_known(guarded: RunningServer) -> None:
    optional = {path for paths in OPTIONAL_PATHS.values() for path in paths}
    assert {pattern for _, pattern in HTTP} == {*OWN_PATHS, PREDICT_PATH, *optional} - {HIDDEN}
    declared = (REPOSITORY / "proto" / "grps_brpc.proto").read_text()
    assert {
        line.split()[1].split("(")[0] for line in declared.splitlines() if "  rpc " in line
    } == {*BRPC}
    # What the service itself says that it serves.
    with authorized(guarded) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert set(database.get_services()) == set(SERVICES)
        pool = DescriptorPool(database)
        # Those of TensorFlow Serving are listed, but its protos are not part of the service.
        described = {name: own for name, own in SERVICES.items() if "tensorflow" not in name}
        for name, rpcs in described.items():
            assert set(pool.FindServiceByName(name).methods_by_name) == set(rpcs)


class WithKey(grpc.StreamStreamClientInterceptor):
    """Adds a key to each call."""

    def intercept_stream_stream(self, go_on: Any, details: Any, requests: Any) -> Any:
        return go_on(details._replace(metadata=[("x-api-key", key_of("read"))]), requests)


@contextmanager
def authorized(server: RunningServer) -> Iterator[grpc.Channel]:
    """A channel of gRPC whose calls have a key."""
    with server.channel() as channel:
        yield grpc.intercept_channel(channel, WithKey())


@pytest.mark.parametrize("name", NAMES)
def test_http(guarded: RunningServer, name: str) -> None:
    with requests.Session() as session:
        for (method, pattern), scope in HTTP.items():
            url = guarded.url(path_of(pattern))
            body = b"{}" if method == "POST" else None
            check_http(session, method, url, pattern, headers_of(name), body, expected(name, scope))


def check_http(
    session: requests.Session,
    method: str,
    url: str,
    pattern: str,
    headers: dict[str, str],
    body: bytes | None,
    wanted: int,
) -> None:
    typed = {"Content-Type": "application/json"} if body else {}
    options: dict[str, Any] = {"data": body, "timeout": GUARD_S, "stream": True}
    with session.request(method, url, headers={**headers, **typed}, **options) as response:
        status = response.status_code
        if "BrpcService" in pattern and status == 401 and wanted:
            # bRPC has one code for both.
            status = wanted
        assert refusal(status) == wanted, (method, pattern)
        if status == 401:
            assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("name", SOME)
def test_the_unix_socket(guarded: RunningServer, name: str) -> None:
    connection = UnixConnection(str(guarded.folder / "own.sock"), GUARD_S)
    for (method, pattern), scope in HTTP.items():
        wanted = expected(name, scope)
        if wanted == 0 or "BrpcService" in pattern:
            continue
        connection.request(method, path_of(pattern), headers=headers_of(name))
        response = connection.getresponse()
        response.read()
        assert response.status == wanted, (method, pattern)
    connection.close()


def metadata_of(headers: dict[str, str]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers.items()]


def rpc_status(channel: grpc.Channel, path: str, headers: dict[str, str]) -> int:
    """The refusal of a call, by its status or in its message."""
    calling: Any = channel.stream_stream(path)
    running = calling(iter([b""]), metadata=metadata_of(headers), timeout=GUARD_S)
    try:
        first = next(running, b"")
    except grpc.RpcError as error:
        codes = {grpc.StatusCode.UNAUTHENTICATED: 401, grpc.StatusCode.PERMISSION_DENIED: 403}
        return codes.get(error.code(), 0)
    finally:
        running.cancel()
    return refusal(GrpsMessage.FromString(first).status.code) if GRPS in path else 0


@pytest.mark.parametrize("name", NAMES)
def test_grpc(guarded: RunningServer, name: str) -> None:
    with guarded.channel() as channel:
        for path, scope in RPCS.items():
            assert rpc_status(channel, path, headers_of(name)) == expected(name, scope), path


def web_status(session: requests.Session, url: str, headers: dict[str, str]) -> int:
    """The refusal of a call over gRPC-Web."""
    typed = {"Content-Type": "application/grpc-web+proto", **headers}
    body = struct.pack(">BI", 0, 0)
    options: dict[str, Any] = {"data": body, "timeout": GUARD_S, "stream": True}
    with session.post(url, headers=typed, **options) as response:
        status = response.headers.get("grpc-status")
        if status is None:
            flag, length = struct.unpack(">BI", response.raw.read(5))
            content = response.raw.read(length)
            if flag == 0:
                message = GrpsMessage.FromString(content) if GRPS in url else GrpsMessage()
                return refusal(message.status.code)
            fields = dict(line.split(":", 1) for line in content.decode().split("\r\n") if line)
            status = fields["grpc-status"].strip()
        return {"16": 401, "7": 403}.get(status, 0)


@pytest.mark.parametrize("name", SOME)
def test_grpc_web(guarded: RunningServer, name: str) -> None:
    with requests.Session() as session:
        for path, scope in RPCS.items():
            outcome = web_status(session, guarded.url(path), headers_of(name))
            assert outcome == expected(name, scope), path


@pytest.mark.parametrize("name", NAMES)
def test_websocket(guarded: RunningServer, name: str) -> None:
    url = f"ws://127.0.0.1:{guarded.ports[0]}{WEBSOCKET}"
    wanted = expected(name, "infer")
    try:
        with connect_websocket(url, additional_headers=headers_of(name), open_timeout=GUARD_S):
            assert wanted == 0
    except InvalidStatus as refused:
        assert refused.response.status_code == wanted


BRPC_KEYS: dict[str, tuple[bytes | None, frozenset[str]]] = {
    "none": (None, frozenset()),
    "wrong": (b"wrong", frozenset()),
    "line feed": (key_of("all").encode() + b"\n", frozenset()),
    "not text": (b"\xff\xfe", frozenset()),
    "long": (b"k" * 6000, frozenset()),
    "without scopes": (key_of("none").encode(), frozenset()),
    "all": (key_of("all").encode(), ALL),
    "with its scheme": (f"bearer {key_of('all')}".encode(), ALL),
    "admin token": (b"root", ALL),
    **{scope: (key_of(scope).encode(), frozenset({scope})) for scope in SCOPES},
}


@pytest.mark.parametrize("name", BRPC_KEYS)
@pytest.mark.parametrize("service", BRPC_SERVICES)
def test_brpc(guarded: RunningServer, name: str, service: str) -> None:
    key, scopes = BRPC_KEYS[name]
    with connect(guarded.ports[1]) as connection:
        for method, scope in BRPC.items():
            answer = connection.call(Call(method=method, service=service, authentication=key))
            is_refused = scope is not None and scope not in scopes
            assert (answer.code == 1004) == is_refused, (method, answer)


ROBOTS = [*SCOPES, "stranger"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="module")
def robots(authority: Authority) -> dict[str, Pair]:
    """A certificate per name; that of the stranger is not listed."""
    return {name: authority.sign(name, f"/O=Example/CN={name}") for name in ROBOTS}


@pytest.fixture(scope="module")
def secured(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[RunningServer]:
    own = authority.sign("own", "/CN=own", "DNS:localhost,IP:127.0.0.1")
    tls = {"cert": str(own.cert), "key": str(own.key), "client_ca": str(authority.pair.cert)}
    tls["client_auth"] = "optional"
    interface = {"host": "127.0.0.1", "port": "0,0", "tls": tls}
    listed = [
        {"name": f"robot-{scope}", "subject": f"CN={scope},O=Example", "scopes": [scope]}
        for scope in SCOPES
    ]
    models = [{"name": "echo", "version": "1.0.0", "inferer_type": "identity"}]
    settings = {"interface": interface, "auth": {"certificates": listed}}
    settings |= {"tfserving": {"enabled": True}, "torchserve": {"enabled": True}}
    with serving(write_project(tmp_path_factory.mktemp("tls"), models, settings)) as running:
        yield running


def by_certificate(robot: str | None, scope: str | None) -> int:
    if scope is None or scope == robot:
        return 0
    return 403 if robot in SCOPES else 401


@pytest.mark.parametrize("robot", [*ROBOTS, None])
def test_certificates_over_http(
    secured: RunningServer, authority: Authority, robots: dict[str, Pair], robot: str | None
) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(authority.pair.cert)
        if robot is not None:
            session.cert = (str(robots[robot].cert), str(robots[robot].key))
        for (method, pattern), scope in HTTP.items():
            url = f"https://localhost:{secured.ports[0]}{path_of(pattern)}"
            body = b"{}" if method == "POST" else None
            wanted = by_certificate(robot, scope)
            check_http(session, method, url, pattern, {}, body, wanted)
        # A key that is sent counts, also one that can't be read.
        live = f"https://localhost:{secured.ports[0]}/metrics"
        for headers in (bearer("wrong"), {"Authorization": "Bearer"}, {"X-API-Key": ""}):
            assert session.get(live, headers=headers, timeout=GUARD_S).status_code == 401


@pytest.mark.parametrize("robot", [*ROBOTS, None])
def test_certificates_over_grpc_and_brpc(
    secured: RunningServer, authority: Authority, robots: dict[str, Pair], robot: str | None
) -> None:
    pair = None if robot is None else robots[robot]
    parts = (None, None) if pair is None else (pair.key.read_bytes(), pair.cert.read_bytes())
    trusted = grpc.ssl_channel_credentials(authority.pair.cert.read_bytes(), *parts)
    with grpc.secure_channel(f"localhost:{secured.ports[1]}", trusted) as channel:
        for path, scope in RPCS.items():
            assert rpc_status(channel, path, {}) == by_certificate(robot, scope), path
    context = tls_context(authority.pair.cert, pair)
    with connect(secured.ports[0], context) as connection:
        for method, scope in BRPC.items():
            code = connection.call(Call(method=method)).code
            assert (code == 1004) == (by_certificate(robot, scope) != 0), method
        assert connection.call(Call(authentication=b"wrong")).code == 1004


def tls_context(authority: Path, pair: Pair | None) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=str(authority))
    if pair is not None:
        made.load_cert_chain(pair.cert, pair.key)
    return made
