"""Callers of the server without Python: the same keys, files and secrets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
import yaml

from grps.deploy.native import PROGRAM
from tests.credentials import bearer, entry, key_of
from tests.support import GUARD_S, RunningServer, serving, wait_until, write_project

IDENTITY = {"name": "echo", "version": "1.0.0", "inferer_type": "identity"}
READ = "/grps/v1/metadata/server"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("alone")
    keys = [entry("robot", ["infer"], max_concurrency=3), entry("reader", ["read"])]
    auth = {"keys": keys, "keys_file": "keys.yml"}
    write_project(folder, [IDENTITY], {"auth": auth}, dag=["echo-1.0.0"])
    (folder / "conf" / "keys.yml").write_text(yaml.safe_dump({"keys": []}))
    with serving(folder, PROGRAM, GRPS_ADMIN_TOKEN="root") as running:
        yield running


def predict(server: RunningServer, name: str | None) -> int:
    headers = {} if name is None else bearer(key_of(name))
    return server.post({"str_data": "x"}, headers=headers).status_code


def test_scopes_of_keys_count(server: RunningServer) -> None:
    assert [predict(server, name) for name in (None, "other", "reader", "robot")] == [
        401, 401, 403, 200,
    ]  # fmt: skip


def test_the_file_of_keys_is_followed(server: RunningServer) -> None:
    file = server.folder / "conf" / "keys.yml"
    aside = file.with_suffix(".new")
    aside.write_text(yaml.safe_dump({"keys": [entry("later", ["infer"])]}))
    assert predict(server, "later") == 401
    aside.replace(file)
    wait_until(lambda: predict(server, "later") == 200, "the key of the file")


def test_no_caller_is_shown(server: RunningServer) -> None:
    headers = bearer(key_of("reader"))
    page = requests.get(server.url(READ), headers=headers, timeout=GUARD_S)
    assert page.status_code == 200
    for text in (page.text, server.log(), server.stderr()):
        for secret in ("secret of", "robot", entry("robot", [])["sha256"]):
            assert secret not in text
