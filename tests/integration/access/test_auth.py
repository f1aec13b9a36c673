"""Who may call: every route with every kind of credentials, over HTTP and gRPC."""

from __future__ import annotations

import hashlib
import json
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests
import yaml
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

from grps.config.routes import OWN_PATHS, PREDICT_PATH
from grps.protocol.pb.grps_pb2 import EmptyGrpsMessage, GrpsMessage
from tests.support import (
    GUARD_S,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

SCOPES = ("infer", "read", "admin")
PUBLIC = {"/", "/grps/v1/health/live", "/grps/v1/health/ready"}
"""Routes that need no credentials: the pages without their data, and the probes."""
POSTED = ("/load", "/log-level", "metadata/model")
RPCS = {
    "Predict": "infer",
    "PredictStreaming": "infer",
    "Offline": "admin",
    "Online": "admin",
    "CheckLiveness": None,
    "CheckReadiness": None,
    "ServerMetadata": "read",
    "ModelMetadata": "read",
}
ISSUER, AUDIENCE = "https://login.example", "grps"


def key_of(name: str) -> str:
    return f"secret of {name}"


def entry(name: str, scopes: list[str], **limits: Any) -> dict[str, Any]:
    digest = hashlib.sha256(key_of(name).encode()).hexdigest()
    return {"name": name, "sha256": digest, "scopes": scopes, **limits}


def encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return encoded(value.to_bytes((value.bit_length() + 7) // 8, "big"))


@dataclass(frozen=True)
class Issuer:
    """A key pair of each algorithm, and tokens signed with them."""

    rsa: rsa.RSAPrivateKey
    ec: ec.EllipticCurvePrivateKey
    ed: ed25519.Ed25519PrivateKey

    @classmethod
    def create(cls) -> Issuer:
        return cls(
            rsa.generate_private_key(65537, 2048),
            ec.generate_private_key(ec.SECP256R1()),
            ed25519.Ed25519PrivateKey.generate(),
        )

    def jwks(self) -> dict[str, Any]:
        numbers, point = self.rsa.public_key().public_numbers(), self.ec.public_key()
        curve = point.public_numbers()
        ed = self.ed.public_key().public_bytes_raw()
        secret = {"kty": "oct", "kid": "shared", "alg": "HS256", "k": encoded(b"shared")}
        return {
            "keys": [
                {"kty": "RSA", "kid": "rsa", "n": number(numbers.n), "e": number(numbers.e)},
                {
                    "kty": "EC",
                    "kid": "ec",
                    "crv": "P-256",
                    "alg": "ES256",
                    "x": encoded(curve.x.to_bytes(32, "big")),
                    "y": encoded(curve.y.to_bytes(32, "big")),
                },
                {"kty": "OKP", "kid": "ed", "crv": "Ed25519", "x": encoded(ed)},
                secret,
            ]
        }

    def token(self, algorithm: str, kid: str | None = None, **claims: Any) -> str:
        header = {"alg": algorithm, "typ": "JWT"} | ({"kid": kid} if kid else {})
        body = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "somebody",
            "exp": time.time() + 600,
            "scope": "infer",
        } | claims
        body = {name: value for name, value in body.items() if value is not None}
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, body))
        return f"{signed}.{encoded(self._sign(algorithm, signed.encode()))}"

    def _sign(self, algorithm: str, data: bytes) -> bytes:
        if algorithm == "RS256":
            return self.rsa.sign(data, padding.PKCS1v15(), hashes.SHA256())
        if algorithm == "PS256":
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return self.rsa.sign(data, pss, hashes.SHA256())
        if algorithm == "ES256":
            pair = utils.decode_dss_signature(self.ec.sign(data, ec.ECDSA(hashes.SHA256())))
            return b"".join(part.to_bytes(32, "big") for part in pair)
        if algorithm == "EdDSA":
            return self.ed.sign(data)
        if algorithm == "HS256":
            return hashlib.sha256(b"shared" + data).digest()
        return b""


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer.create()


@pytest.fixture(scope="module")
def guarded(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("guarded")
    auth = {
        "keys": [entry(scope, [scope]) for scope in SCOPES]
        + [
            entry("all", list(SCOPES)),
            entry("none", []),
            entry("slow", ["infer"], max_requests_per_second=0.001),
            entry("single", ["infer"], max_concurrency=1),
        ],
        "keys_file": "keys.yml",
        "jwt": {"jwks_file": "jwks.json", "issuer": ISSUER, "audience": AUDIENCE},
    }
    models = [user_model("echo"), user_model("sleeper")]
    write_user_project(folder, models, {"auth": auth}, dag=["echo-1.0.0"])
    (folder / "conf" / "keys.yml").write_text(yaml.safe_dump({"keys": [entry("later", ["infer"])]}))
    (folder / "conf" / "jwks.json").write_text(json.dumps(issuer.jwks()))
    with serving(folder, GRPS_ADMIN_TOKEN="root") as server:
        yield server


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def predict(server: RunningServer, key: str | None = None) -> requests.Response:
    return server.post({"str_data": "x"}, headers=bearer(key) if key is not None else {})


CREDENTIALS: dict[str, tuple[dict[str, str], frozenset[str]]] = {
    "none at all": ({}, frozenset()),
    "a wrong key": (bearer("wrong"), frozenset()),
    "an empty key": (bearer(""), frozenset()),
    "basic": ({"Authorization": "Basic cm9vdDpyb290"}, frozenset()),
    "a digest as key": (bearer(hashlib.sha256(key_of("all").encode()).hexdigest()), frozenset()),
    "a key without scopes": (bearer(key_of("none")), frozenset()),
    "the key in X-API-Key": ({"X-API-Key": key_of("all")}, frozenset(SCOPES)),
    "the admin token": (bearer("root"), frozenset(SCOPES)),
    **{scope: (bearer(key_of(scope)), frozenset({scope})) for scope in SCOPES},
}
KNOWN = frozenset(CREDENTIALS) - {
    "none at all", "a wrong key", "an empty key", "basic", "a digest as key"
}  # fmt: skip


def scope_of(path: str) -> str | None:
    if path in PUBLIC:
        return None
    if path == PREDICT_PATH:
        return "infer"
    return "admin" if "/admin/" in path or path.endswith("line") else "read"


@pytest.mark.parametrize("credentials", CREDENTIALS)
def test_every_route_needs_its_scope(guarded: RunningServer, credentials: str) -> None:
    headers, scopes = CREDENTIALS[credentials]
    with requests.Session() as session:
        for pattern in (*OWN_PATHS, PREDICT_PATH):
            path = pattern.replace("{model}", "missing-1").replace("{action}", "load")
            scope = scope_of(pattern)
            method = "POST" if path.endswith(POSTED) or scope == "infer" else "GET"
            response = session.request(method, guarded.url(path), headers=headers, timeout=GUARD_S)
            if scope is None or scope in scopes:
                assert response.status_code not in {401, 403}, path
            elif credentials in KNOWN:
                assert response.status_code == 403, path
            else:
                assert response.status_code == 401, path
                assert response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("credentials", CREDENTIALS)
def test_every_rpc_needs_its_scope(guarded: RunningServer, credentials: str) -> None:
    headers, scopes = CREDENTIALS[credentials]
    metadata = [(name.lower(), value) for name, value in headers.items()]
    with guarded.stub() as stub:
        for name, scope in RPCS.items():
            request = GrpsMessage(str_data="x") if scope == "infer" else EmptyGrpsMessage()
            call: Callable[..., Any] = getattr(stub, name)
            outcome = status_of(call, request, metadata)
            if scope is None or scope in scopes:
                assert outcome not in {401, 403}, name
            else:
                assert outcome == (403 if credentials in KNOWN else 401), name


def status_of(call: Callable[..., Any], request: Any, metadata: list[tuple[str, str]]) -> int:
    """The code of the message of a reply, or that of the call itself."""
    try:
        reply = call(request, metadata=metadata, timeout=GUARD_S)
        replies = [reply] if hasattr(reply, "status") else list(reply)
        return int(replies[0].status.code)
    except grpc.RpcError as error:
        codes = {grpc.StatusCode.UNAUTHENTICATED: 401, grpc.StatusCode.PERMISSION_DENIED: 403}
        return codes[error.code()]


@pytest.mark.parametrize(
    ("algorithm", "kid"), [("RS256", "rsa"), ("PS256", None), ("ES256", "ec"), ("EdDSA", "ed")]
)
def test_tokens_of_the_issuer_are_accepted(
    guarded: RunningServer, issuer: Issuer, algorithm: str, kid: str | None
) -> None:
    assert predict(guarded, issuer.token(algorithm, kid)).status_code == 200
    assert predict(guarded, issuer.token(algorithm, kid, scope=["grps:infer"])).status_code == 200


REFUSED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "expired": (401, "has expired", {"exp": 1}),
    "without end": (401, "lacks the claim 'exp'", {"exp": None}),
    "not valid yet": (401, "not valid yet", {"nbf": time.time() + 600}),
    "other issuer": (401, "issuer", {"iss": "https://evil.example"}),
    "no issuer": (401, "lacks the claim 'iss'", {"iss": None}),
    "other audience": (401, "audience", {"aud": "other"}),
    "no audience": (401, "lacks the claim 'aud'", {"aud": None}),
    "other scope": (403, "lacks the scope 'infer'", {"scope": "read"}),
    "no scope": (403, "lacks the scope 'infer'", {"scope": None}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_tokens_are_refused(guarded: RunningServer, issuer: Issuer, name: str) -> None:
    status, text, claims = REFUSED[name]
    response = predict(guarded, issuer.token("RS256", "rsa", **claims))
    assert (response.status_code, text in response.text) == (status, True), response.text


def test_forged_tokens_are_refused(guarded: RunningServer, issuer: Issuer) -> None:
    good = issuer.token("ES256", "ec")
    head, body, signature = good.split(".")
    other = Issuer.create()
    for forged in [
        issuer.token("none"),
        issuer.token("HS256", "shared"),
        issuer.token("HS256", "rsa"),
        issuer.token("RS256", "ec"),
        issuer.token("ES256", "missing"),
        other.token("RS256", "rsa"),
        other.token("ES256", "ec"),
        f"{head}.{body}.",
        f"{head}.{encoded(b'{}')}.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}",
        f"..{signature}",
        "..",
        "a.b.c",
        good + "x" * 20_000,
    ]:
        assert predict(guarded, forged).status_code == 401, forged[:100]


def test_limits_are_per_key(guarded: RunningServer) -> None:
    assert predict(guarded, key_of("slow")).status_code == 200
    limited = predict(guarded, key_of("slow"))
    assert limited.status_code == 429
    assert "max_requests_per_second" in limited.text
    assert "Retry-After" in limited.headers
    assert predict(guarded, key_of("infer")).status_code == 200
    with ThreadPoolExecutor() as pool:
        body = {"model": "sleeper-1.0.0", "str_data": "0.4"}
        running = pool.submit(guarded.post, body, headers=bearer(key_of("single")))
        wait_until(lambda: guarded.noted("started") != [], "the first request")
        limited = predict(guarded, key_of("single"))
        assert (limited.status_code, "max_concurrency" in limited.text) == (429, True)
        assert running.result().status_code == 200
    assert predict(guarded, key_of("single")).status_code == 200


def test_files_are_read_again(guarded: RunningServer, issuer: Issuer) -> None:
    keys, jwks = (guarded.folder / "conf" / name for name in ("keys.yml", "jwks.json"))
    assert predict(guarded, key_of("later")).status_code == 200
    assert predict(guarded, key_of("new")).status_code == 401
    keys.write_text(yaml.safe_dump({"keys": [entry("new", ["infer"])]}))
    wait_until(lambda: predict(guarded, key_of("new")).status_code == 200, "the change")
    assert predict(guarded, key_of("later")).status_code == 401
    assert predict(guarded, key_of("infer")).status_code == 200
    # A file that can't be used changes nothing.
    keys.write_text("keys: [{name: broken}]")
    wait_until(lambda: "the callers stay as they were" in guarded.log(), "the change")
    assert predict(guarded, key_of("new")).status_code == 200
    keys.write_text(yaml.safe_dump({"keys": [entry("new", ["infer"])]}))
    other = Issuer.create()
    assert predict(guarded, other.token("ES256", "ec")).status_code == 401
    jwks.write_text(json.dumps(other.jwks()))
    wait_until(
        lambda: predict(guarded, other.token("ES256", "ec")).status_code == 200, "the change"
    )
    assert predict(guarded, issuer.token("ES256", "ec")).status_code == 401


def test_the_log_names_the_caller_and_no_key(guarded: RunningServer) -> None:
    response = guarded.post({"model": "missing-1", "str_data": "x"}, headers=bearer(key_of("all")))
    assert response.status_code == 404
    wait_until(lambda: "all@127.0.0.1" in guarded.log(), "the change")
    assert "secret of" not in guarded.log()


def test_an_open_service_says_so(tmp_path: Path) -> None:
    interface = {"framework": "http", "host": "0.0.0.0", "port": "0"}
    write_user_project(tmp_path, [user_model("echo")], {"interface": interface})
    with serving(tmp_path) as server:
        assert "no 'auth' in server.yml" in server.log()
