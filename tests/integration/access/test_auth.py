"""Who may call: tokens, limits, and files that change."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.credentials import Issuer, bearer, encoded, entry, key_of
from tests.support import (
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)


def predict(server: RunningServer, key: str | None = None) -> requests.Response:
    return server.post({"str_data": "x"}, headers=bearer(key) if key is not None else {})


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
    "not valid yet": (401, "not valid yet", {"nbf": time.time() + 86_400}),
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
        assert "no 'auth' in server.yml" in server.whole_log()
