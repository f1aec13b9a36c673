"""What an attacker tries: unclear credentials, forged tokens, streams, lost permits, names."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
import requests
import yaml
from tritonclient.grpc import service_pb2
from websockets.sync.client import connect as connect_websocket

from grps.deploy.native import PROGRAM
from grps.protocol.pb.grps_pb2 import EmptyGrpsMessage, GrpsMessage
from tests.credentials import AUDIENCE, ISSUER, Issuer, bearer, entry, key_of
from tests.raw_brpc import Call, connect
from tests.support import GUARD_S, RunningServer, serving, wait_until, write_project

READ = "/grps/v1/metadata/server"
WEBSOCKET = "/grps/v1/infer/predict/ws"
STREAM = "/inference.GRPCInferenceService/ModelStreamInfer"
ADMIN = [
    ("GET", "/grps/v1/admin/models"),
    ("GET", "/grps/v1/admin/logs"),
    ("GET", "/grps/v1/health/offline"),
    ("POST", "/grps/v1/admin/log-level?level=info"),
    ("POST", "/v2/logging"),
    ("POST", "/v2/trace/setting"),
    ("POST", "/v2/repository/models/echo/unload"),
    ("POST", "/GrpsBrpcService/Offline"),
]


def status_of(server: RunningServer, *headers: tuple[str, str], path: str = READ) -> int:
    """The status of a request with these headers, in this order."""
    connection = http.client.HTTPConnection("127.0.0.1", server.ports[0], timeout=GUARD_S)
    connection.putrequest("GET", path)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    response = connection.getresponse()
    connection.close()
    return response.status


def predict(server: RunningServer, key: str, **body: Any) -> int:
    sent = {"str_data": "x", **body}
    return server.post(sent, headers=bearer(key)).status_code


def test_credentials_that_differ_are_refused(guarded: RunningServer) -> None:
    right, wrong = f"Bearer {key_of('all')}", "Bearer wrong"
    key = ("X-API-Key", key_of("all"))
    for headers in [
        [("Authorization", right), ("Authorization", wrong)],
        [("Authorization", right), ("authorization", right)],
        [("Authorization", right), ("Authorization", right), key],
        [("Authorization", wrong), key],
        [("Authorization", "Bearer"), key],
        [("Authorization", "Bearer\t"), key],
        [("Authorization", f"{right}, {right}")],
        [("Authorization", f"Bearer,{key_of('all')}")],
        [key, key],
        [("X-API-Key", f"{key_of('all')}, {key_of('all')}")],
        [("X-API-Key", "")],
        [("Cookie", f"Authorization={key_of('all')}")],
        [("Proxy-Authorization", right)],
        [("X-Forwarded-Authorization", right)],
    ]:
        assert status_of(guarded, *headers) == 401, headers
    assert status_of(guarded, key) == 200
    assert status_of(guarded, ("X-API-Key", "wrong"), ("Authorization", right)) == 200
    assert status_of(guarded, path=f"{READ}?x-api-key=root") == 401


def test_tokens_that_an_issuer_would_not_make(guarded: RunningServer, issuer: Issuer) -> None:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "exp": time.time() + 600, "scope": "infer"}
    head = {"alg": "ES256", "kid": "ec"}
    own = issuer.jwks()["keys"][1]
    deep = "[" * 5000 + "]" * 5000
    body = json.dumps(claims)

    def sign(header: dict[str, Any] = head, text: str = body, algorithm: str = "ES256") -> str:
        return issuer.signed(algorithm, json.dumps(header), text)

    assert predict(guarded, sign()) == 200
    other = Issuer.create()
    forged = [
        sign({**head, "crit": ["exp"]}),
        sign({**head, "crit": []}),
        *(sign({**head, "alg": name}) for name in ("none", "None", "nOnE", "", "HS256", "RS256")),
        *(sign({**head, "kid": kid}) for kid in ("", "../ec", "ec\0", "' OR 1=1", "k" * 5000)),
        # Keys that the token brings along.
        other.signed("ES256", json.dumps({**head, "jwk": other.jwks()["keys"][1]}), body),
        other.signed("ES256", json.dumps({"alg": "ES256", "jwk": own}), body),
        other.signed("ES256", json.dumps({**head, "jku": "http://127.0.0.1:1/jwks"}), body),
        sign(text=deep),
        sign(text=body[:-1] + f', "x": {deep}}}'),
        sign(text=body[:-1] + ', "exp": 99999999999}'),
        sign(text="[]"),
        sign(text=""),
        issuer.signed("ES256", deep, body),
    ]
    for exp in ("never", None, -1, [claims["exp"]], {"x": 1}, True, time.time() - 32):
        forged.append(sign(text=json.dumps({**claims, "exp": exp})))
    for nbf in ("never", time.time() + 60, [1]):
        forged.append(sign(text=json.dumps({**claims, "nbf": nbf})))
    for token in forged:
        assert predict(guarded, token) == 401, token[:200]
    for scope in (["INFER"], "inferer", {"infer": True}, [["infer"]], 1, None, "grps:grps:infer"):
        assert predict(guarded, sign(text=json.dumps({**claims, "scope": scope}))) == 403, scope
    # The clocks may differ a little.
    for changed in ({"exp": time.time() - 5}, {"nbf": time.time() + 5}):
        assert predict(guarded, sign(text=json.dumps({**claims, **changed}))) == 200


def test_a_token_can_not_pretend_to_be_a_key(guarded: RunningServer, issuer: Issuer) -> None:
    token = issuer.token("ES256", "ec", sub="admin token@10.0.0.9:1\n")
    assert predict(guarded, token, model="missing-1") == 404
    wait_until(lambda: "jwt:admin token@10.0.0.9:1\\" in guarded.log(), "the line")


def stream(server: RunningServer, key: str, count: int) -> list[str]:
    """The errors of the requests of one stream."""
    request = service_pb2.ModelInferRequest(model_name="missing")
    with server.channel() as channel:
        calling: Any = channel.stream_stream(
            STREAM,
            request_serializer=service_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=service_pb2.ModelStreamInferResponse.FromString,
        )
        metadata = [("x-api-key", key)]
        replies = calling(iter([request] * count), metadata=metadata, timeout=GUARD_S)
        return [reply.error_message for reply in replies]


def test_each_request_of_a_stream_counts(guarded: RunningServer) -> None:
    errors = stream(guarded, key_of("slow-streams"), 3)
    assert sum("max_requests_per_second" in error for error in errors) == 2
    assert len(errors) == 3
    assert not any("limit" in error for error in stream(guarded, key_of("infer"), 3))


def messages(server: RunningServer, key: str) -> Any:
    url = f"ws://127.0.0.1:{server.ports[0]}{WEBSOCKET}"
    return connect_websocket(url, additional_headers=bearer(key), open_timeout=GUARD_S)


def final_status(opened: Any, body: str = '{"str_data": "x"}') -> int:
    opened.send(body)
    while True:
        message = json.loads(opened.recv(timeout=GUARD_S))
        if message.get("final"):
            return int(message["status"]["code"])


def test_each_request_of_a_websocket_counts(guarded: RunningServer) -> None:
    key = key_of("slow-messages")
    # To open it is no request yet.
    with messages(guarded, key) as first, messages(guarded, key) as second:
        assert [final_status(first), final_status(first), final_status(second)] == [200, 429, 429]
    with messages(guarded, key_of("single")) as opened:
        busy = '{"model": "sleeper-1.0.0", "str_data": "0.3"}'
        opened.send(busy)
        wait_until(lambda: guarded.noted("started") != [], "the request")
        assert predict(guarded, key_of("single")) == 429
        assert json.loads(opened.recv(timeout=GUARD_S))["status"]["code"] == 200


def test_a_rate_is_shared_by_all_protocols(guarded: RunningServer) -> None:
    key = key_of("slow")
    assert predict(guarded, key) == 200
    assert predict(guarded, key) == 429
    with guarded.stub() as stub:
        with pytest.raises(grpc.RpcError) as error:
            stub.Predict(GrpsMessage(str_data="x"), metadata=[("x-api-key", key)])
        assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    with connect(guarded.ports[1]) as connection:
        assert connection.call(Call(authentication=key.encode())).code == 2004
    for path in ("/v2/models/same/infer", "/GrpsBrpcService/PredictByHttp"):
        response = requests.post(guarded.url(path), json={}, headers=bearer(key), timeout=GUARD_S)
        assert response.status_code in {429, 503}, path


def test_permits_come_back(guarded: RunningServer) -> None:
    key = key_of("single")
    metadata = [("x-api-key", key)]

    def is_free() -> bool:
        return predict(guarded, key) == 200

    wait_until(is_free, "the permit")
    body = json.dumps({"model": "sleeper-1.0.0", "str_data": "0.2"}).encode()
    for _ in range(3):
        assert predict(guarded, key, model="missing-1") == 404
        # A client that leaves, before its body and before the response.
        for sent in (body[:5], body):
            with socket.create_connection(("127.0.0.1", guarded.ports[0])) as plain:
                head = f"POST /grps/v1/infer/predict HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\n"
                head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                plain.sendall(head.encode() + sent)
            wait_until(is_free, "the permit of HTTP")
        with guarded.stub() as stub:
            message = GrpsMessage(model="sleeper-1.0.0", str_data="0.2")
            running = stub.Predict.future(message, metadata=metadata)
            running.cancel()
            streaming = stub.PredictStreaming(message, metadata=metadata)
            streaming.cancel()
        wait_until(is_free, "the permit of gRPC")
        with messages(guarded, key) as opened:
            opened.send(body.decode())
            opened.socket.shutdown(socket.SHUT_RDWR)
        wait_until(is_free, "the permit of WebSocket")
        with connect(guarded.ports[1]) as connection:
            connection.send(Call(message=message, authentication=key.encode()))
        wait_until(is_free, "the permit of bRPC")


def test_a_withdrawn_key_ends_in_open_connections(guarded: RunningServer) -> None:
    keys = guarded.folder / "conf" / "keys.yml"
    listed = [entry("later", ["infer"])]
    key = key_of("leaver")
    keys.write_text(yaml.safe_dump({"keys": [*listed, entry("leaver", ["infer"])]}))
    wait_until(lambda: predict(guarded, key) == 200, "the key")
    with messages(guarded, key) as opened, connect(guarded.ports[1]) as connection:
        assert final_status(opened) == 200
        assert connection.call(Call(authentication=key.encode())).code == 0
        # Clients in C++ send it with the first request only.
        assert connection.call(Call()).code == 0
        keys.write_text(yaml.safe_dump({"keys": listed}))
        wait_until(lambda: predict(guarded, key) == 401, "the end of the key")
        assert final_status(opened) == 401
        assert connection.call(Call()).code == 1004
    with connect(guarded.ports[1]) as connection:
        assert connection.call(Call()).code == 1004, "another connection"


def wait_for_line(server: RunningServer, text: str) -> None:
    wait_until(lambda: text in server.log(), text)


def wait_for_key(server: RunningServer, name: str) -> None:
    wait_until(lambda: predict(server, key_of(name)) == 200, name)


def test_files_of_other_kinds_change_nothing(guarded: RunningServer) -> None:
    keys = guarded.folder / "conf" / "keys.yml"
    good = yaml.safe_dump({"keys": [entry("later", ["infer"])]})
    empty = {"name": "x", "sha256": hashlib.sha256(b"").hexdigest()}
    aside = keys.with_suffix(".new")

    def pipe() -> None:
        os.mkfifo(aside)

    def huge() -> None:
        aside.touch()
        os.truncate(aside, 1 << 40)

    def writes(text: str) -> Any:
        return lambda: aside.write_text(text)

    for number, (make, reason) in enumerate(
        [
            (pipe, "no regular file"),
            (huge, "at most"),
            (aside.mkdir, "Is a directory"),
            (lambda: aside.symlink_to("/dev/zero"), "no regular file"),
            (lambda: aside.symlink_to(aside), "No such file"),
            (writes("keys: " + "[" * 100_000), "nested too deeply"),
            (writes(yaml.safe_dump({"keys": [empty]})), "empty key"),
        ]
    ):
        make()
        keys.unlink()
        aside.rename(keys)
        wait_for_line(guarded, reason)
        assert predict(guarded, key_of("later")) == 200
        if keys.is_dir() and not keys.is_symlink():
            keys.rmdir()
        else:
            keys.unlink()
        name = f"fresh-{number}"
        aside.write_text(yaml.safe_dump({"keys": [entry(name, ["infer"]), entry("later", [])]}))
        aside.rename(keys)
        wait_for_key(guarded, name)
        keys.write_text(good)
        wait_until(lambda: predict(guarded, key_of("later")) == 200, "the first file")


def test_a_caller_with_one_request_at_once_may_remove_a_region(guarded: RunningServer) -> None:
    name = f"matrix-{uuid4().hex}"
    region = guarded.url("/v2/systemsharedmemory/region/own")
    file = Path("/dev/shm") / name
    file.write_bytes(bytes(64))
    try:
        headers = bearer(key_of("operator"))
        body = {"key": f"/{name}", "byte_size": 64}

        def post(action: str, **options: Any) -> requests.Response:
            return requests.post(f"{region}/{action}", timeout=GUARD_S, **options)

        assert post("register", json=body, headers=bearer(key_of("read"))).status_code == 403
        assert post("register", json=body, headers=headers).status_code == 200
        refused = post("unregister", headers=bearer(key_of("read")))
        assert refused.status_code == 403
        removed = post("unregister", headers=headers)
        assert (removed.status_code, removed.text) == (200, "{}")
        with guarded.channel() as channel:
            change = service_pb2.LogSettingsRequest()
            change.settings["log_verbose_level"].uint32_param = 0
            call: Any = channel.unary_unary(
                "/inference.GRPCInferenceService/LogSettings",
                request_serializer=service_pb2.LogSettingsRequest.SerializeToString,
            )
            call(change, metadata=[("x-api-key", key_of("operator"))], timeout=GUARD_S)
            with pytest.raises(grpc.RpcError) as error:
                call(change, metadata=[("x-api-key", key_of("read"))], timeout=GUARD_S)
            assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
    finally:
        file.unlink()


def test_nothing_shows_a_key(guarded: RunningServer) -> None:
    key, digest = key_of("all"), hashlib.sha256(key_of("all").encode()).hexdigest()
    for headers in (bearer(key), {"X-API-Key": key}, bearer(f"{key} and more")):
        guarded.post({"model": "missing-1"}, headers=headers)
    paths = ["/metrics", READ, "/v2", "/grps/v1/monitor/requests", "/grps/v1/admin/logs"]
    for path in paths:
        response = requests.get(guarded.url(path), headers=bearer(key), timeout=GUARD_S)
        assert response.status_code == 200
        for secret in ("secret of", digest, "slow-streams", "jwks.json"):
            assert secret not in response.text, (path, secret)
    for text in (guarded.log(), guarded.stderr()):
        assert "secret of" not in text
        assert digest not in text


def test_other_names_of_the_host_change_nothing_with_keys(guarded: RunningServer) -> None:
    for host in ("evil.test", "localhost"):
        headers = {"Host": host}
        for method, path in ADMIN:
            url = guarded.url(path)
            refused = requests.request(method, url, headers=headers, timeout=GUARD_S)
            assert refused.status_code == 401, path
        page = {**headers, "Origin": f"http://{host}", **bearer(key_of("read"))}
        assert requests.get(guarded.url(READ), headers=page, timeout=GUARD_S).status_code == 200


@pytest.fixture(scope="module", params=[None, PROGRAM], ids=["python", "native"])
def open_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    interface = {
        "host": "127.0.0.1",
        "port": "0,0",
        "proxy_protocol": {"trusted": ["127.0.0.2"]},
    }
    models = [{"name": "echo", "version": "1.0.0", "inferer_type": "identity"}]
    folder = tmp_path_factory.mktemp("open")
    write_project(folder, models, {"interface": interface})
    with serving(folder, request.param) as server:
        yield server


def test_pages_with_a_name_of_the_loopback(open_server: RunningServer) -> None:
    port = open_server.ports[0]
    for method, path in ADMIN:
        for headers in (
            {"Host": f"evil.test:{port}"},
            {"Host": f"evil.test:{port}", "Origin": f"http://evil.test:{port}"},
            {"Host": f"127.0.0.1.evil.test:{port}"},
            {"Host": f"127.0.0.1:{port}", "Origin": "http://evil.test"},
            {"Host": f"127.0.0.1:{port}", "Origin": "null"},
            {"Host": f"127.0.0.1:{port}", "X-Forwarded-For": "127.0.0.1"},
        ):
            call = requests.request(method, open_server.url(path), headers=headers, timeout=GUARD_S)
            assert call.status_code in {401, 403}, (path, headers)
    options = [("grpc.default_authority", f"evil.test:{port}")]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        offline: Any = channel.unary_unary("/grps.protos.v1.GrpsService/Offline")
        reply = GrpsMessage.FromString(offline(EmptyGrpsMessage().SerializeToString()))
        assert reply.status.code == 403


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.2", "0.0.0.0"])
def test_an_address_that_a_proxy_sends_is_never_local(
    open_server: RunningServer, source: str
) -> None:
    addresses = socket.inet_aton(source) * 2 + struct.pack(">HH", 1, 2)
    binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + addresses
    line = f"PROXY TCP4 {source} {source} 1 2\r\n".encode()
    unknown = b"PROXY UNKNOWN\r\n"
    asked = b"GET /grps/v1/admin/models HTTP/1.0\r\nHost: localhost\r\n\r\n"
    for start in (binary, line, unknown):
        for request, refused in (
            (asked, b"403 Forbidden"),
            (Call(method="Offline").frame(), b"other machines"),
        ):
            address = ("127.0.0.1", open_server.ports[0])
            own = ("127.0.0.2", 0)
            with socket.create_connection(address, GUARD_S, source_address=own) as plain:
                plain.sendall(start + request)
                assert refused in plain.recv(65536)
