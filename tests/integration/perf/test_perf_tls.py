"""``grpst perf`` over TLS."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from grps.cli.main import main
from grps.deploy.native import PROGRAM
from tests.certificates import Authority
from tests.support import RunningServer, serving, write_project

IDENTITY = {"name": "echo", "version": "1.0.0", "inferer_type": "identity"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.make(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("tls")
    pair = authority.sign("first", "/CN=first", "DNS:localhost,IP:127.0.0.1")
    shutil.copy(pair.key, folder / "key.pem")
    shutil.copy(pair.cert, folder / "cert.pem")
    tls = {"cert": "cert.pem", "key": "key.pem"}
    interface = {"host": "127.0.0.1", "port": "0,0", "tls": tls}
    with serving(write_project(folder, [IDENTITY], {"interface": interface}), PROGRAM) as running:
        yield running


def perf(*words: str, code: int = 0) -> str:
    flags = ("--text", "x", "-n", "50", "-c", "2", "--warmup", "0")
    done = CliRunner().invoke(main, ["perf", *words, *flags])
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.parametrize("protocol", ["http", "oip-http", "grpc", "oip-grpc", "brpc"])
def test_protocols_over_tls(protocol: str, server: RunningServer, authority: Authority) -> None:
    words = (f"localhost:{server.ports[0]}", "--protocol", protocol, "-m", "echo")
    head, row = perf(*words, "--ca", str(authority.pair.cert)).split("LOAD")[1].splitlines()[:2]
    assert head.split()[:3] == ["REQ/S", "OK", "FAILED"]
    assert row.split()[3:5] == ["50", "0"]


def test_other_certificates_are_refused(server: RunningServer, tmp_path: Path) -> None:
    url = f"https://localhost:{server.ports[0]}/grps/v1/health/live"
    other = Authority.make(tmp_path, "other")
    assert "UnknownIssuer" in perf(url, "--ca", str(other.pair.cert), code=1)
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    assert "certificates of the authorities: there is none" in perf(url, "--ca", str(empty), code=1)
    plain = f"http://localhost:{server.ports[0]}/grps/v1/health/live"
    assert "the first request failed" in perf(plain, code=1)
