"""A service that only known callers may use."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.credentials import AUDIENCE, ISSUER, SCOPES, Issuer, entry
from tests.support import RunningServer, serving, user_model, write_user_project


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
            entry("slow-streams", ["infer"], max_requests_per_second=0.001),
            entry("slow-messages", ["infer"], max_requests_per_second=0.001),
            entry("single", ["infer"], max_concurrency=1),
            entry("operator", list(SCOPES), max_concurrency=1),
        ],
        "keys_file": "keys.yml",
        "jwt": {"jwks_file": "jwks.json", "issuer": ISSUER, "audience": AUDIENCE},
    }
    interface = {
        "framework": "http+grpc",
        "host": "127.0.0.1",
        "port": "0,0",
        "unix_socket": "own.sock",
    }
    settings = {"auth": auth, "interface": interface, "oip": {"shared_memory": True}}
    settings["log"] = {"access": True}
    settings |= {"tfserving": {"enabled": True}, "torchserve": {"enabled": True}}
    models = [user_model("echo"), user_model("sleeper"), {**IDENTITY, "name": "same"}]
    write_user_project(folder, models, settings, dag=["echo-1.0.0"])
    (folder / "conf" / "keys.yml").write_text(yaml.safe_dump({"keys": [entry("later", ["infer"])]}))
    (folder / "conf" / "jwks.json").write_text(json.dumps(issuer.jwks()))
    with serving(folder, GRPS_ADMIN_TOKEN="root") as server:
        yield server


IDENTITY = {"version": "1.0.0", "inferer_type": "identity"}
