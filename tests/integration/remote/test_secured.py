"""TLS between services: certificates of both sides, and keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grps.deploy.native import PROGRAM
from tests.certificates import Authority
from tests.integration.remote.services import ECHO, starting, states, write_front
from tests.support import RunningServer, serving, wait_until, write_project

KEY = "k" * 40


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="module")
def worker(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A worker that asks for a certificate and a key."""
    pair = authority.sign("worker", "/CN=worker", "DNS:worker")
    tls = {"cert": str(pair.cert), "key": str(pair.key), "client_ca": str(authority.pair.cert)}
    interface = {"framework": "http+grpc", "host": "127.0.0.1", "port": "0,0", "tls": tls}
    key = {"name": "front", "sha256": hashlib.sha256(KEY.encode()).hexdigest()}
    server = {"interface": interface, "auth": {"keys": [{**key, "scopes": ["infer", "read"]}]}}
    folder = write_project(tmp_path_factory.mktemp("worker"), [ECHO], server)
    with serving(folder, PROGRAM) as running:
        yield running


def front_of(
    folder: Path, worker: RunningServer, authority: Authority, **changes: str | None
) -> Path:
    pair = authority.sign("front", "/CN=front")
    files = {"ca": authority.pair.cert, "certificate": pair.cert, "key": pair.key}
    tls: dict[str, str | None] = {key: str(path) for key, path in files.items()}
    tls |= {"server_name": "worker", **changes}
    (folder / "key").write_text(f"{KEY}\n")
    endpoints = {"source": "static", "addresses": [f"127.0.0.1:{worker.ports[0]}"]}
    wanted = {key: value for key, value in tls.items() if value is not None}
    return write_front(folder, endpoints, tls=wanted, api_key_file="key")


@pytest.mark.parametrize("program", [None, PROGRAM], ids=["python", "native"])
def test_both_sides_show_certificates(
    tmp_path: Path, worker: RunningServer, authority: Authority, program: Path | None
) -> None:
    with serving(front_of(tmp_path, worker, authority), program) as front:
        answer = front.post({"str_data": "x"}).json()
        assert answer.get("str_data") == "x", answer


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"server_name": "another"}, KEY, ("connect: TLS: ", "not valid for name")),
        ({"certificate": None, "key": None}, KEY, ("connect: ", "")),
        ({}, "wrong", ("connect: this service may not call it: ", "")),
        ({"ca": "missing.pem"}, KEY, ("connect: tls.ca: ", "missing.pem")),
    ],
    ids=["name", "no-certificate", "key", "file"],
)
def test_who_does_not_fit_is_refused(
    tmp_path: Path,
    worker: RunningServer,
    authority: Authority,
    changes: dict[str, Any],
    key: str,
    words: tuple[str, str],
) -> None:
    folder = front_of(tmp_path, worker, authority, **changes)
    (folder / "key").write_text(key)
    with starting(folder) as front:
        wait_until(
            lambda: [one["state"] for one in states(front).values()] == ["ejected"], "it is refused"
        )
        [endpoint] = states(front).values()
        assert endpoint["reason"].startswith(words[0]) and words[1] in endpoint["reason"], endpoint
