"""``grpst call`` against the service that clients are tested with."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from grps.cli.calling.service import KEY_VARIABLE, PROTOCOLS
from grps.cli.main import main
from tests.support import GUARD_S, REPOSITORY, wait_until
from tools.conformance.service import ConformanceService

TENSOR_PROTOCOLS = ("oip-http", "oip-grpc")


@pytest.fixture(scope="module")
def variables(service: ConformanceService) -> dict[str, str]:
    return service.variables()


def call(*words: str, code: int = 0, key: str = "") -> Result:
    done = CliRunner(env={KEY_VARIABLE: key}).invoke(main, ["call", *words])
    assert done.exit_code == code, done.output
    return done


def address(variables: dict[str, str], protocol: str = "http") -> tuple[str, ...]:
    where = variables["GRPS_GRPC" if protocol in ("grpc", "oip-grpc", "brpc") else "GRPS_HTTP"]
    return ("--address", where, "--protocol", protocol)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_texts_tensors_and_bytes(protocol: str, variables: dict[str, str], tmp_path: Path) -> None:
    where = address(variables, protocol)
    array = json.loads(call("echo", "x=[[1, 2], [3, 4]]", *where, "-o", "json").stdout)
    assert array["tensors"]["x"] == {
        "dtype": "int64",
        "shape": [2, 2],
        "values": [[1, 2], [3, 4]],
    }
    assert "hello" in call("echo", "hello", *where).stdout
    if protocol not in TENSOR_PROTOCOLS:
        (tmp_path / "picture.png").write_bytes(b"\x89PNG\x00")
        found = call("echo", f"@{tmp_path}/picture.png", *where)
        assert found.stdout_bytes == b"\x89PNG\x00"


def test_npy_in_and_out(variables: dict[str, str], tmp_path: Path) -> None:
    array = np.array([[0.5, -1]], np.float16)
    np.save(tmp_path / "x.npy", array)
    to = tmp_path / "y.npy"
    words = ("echo", f"x=@{tmp_path}/x.npy", "-o", "npy", "--to", str(to))
    call(*words, *address(variables))
    loaded = np.load(to)
    assert loaded.dtype == np.float16
    assert loaded.tolist() == array.tolist()


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_streams(protocol: str, variables: dict[str, str]) -> None:
    where = address(variables, protocol)
    assert call("count", "3", "--stream", *where).stdout == "012\n"
    lines = call("count", "2", "--stream", "-o", "json", *where).stdout.splitlines()
    assert [json.loads(line) for line in lines] == [{"text": "0"}, {"text": "1"}]


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_failures_are_one_line(protocol: str, variables: dict[str, str]) -> None:
    where = address(variables, protocol)
    failed = call("fail", "what went wrong", *where, code=1)
    assert failed.stdout == ""
    assert "what went wrong" in failed.stderr
    assert "500" in failed.stderr
    refused = call("unknown", *where, code=1).stderr
    assert "404" in refused
    assert refused.endswith("\nsee: docs/reference/errors.md#errors\n")
    assert "504" in call("sleep", "60000", "--timeout", "0.2", *where, code=1).stderr


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_tls_and_keys(protocol: str, variables: dict[str, str], tmp_path: Path) -> None:
    where = variables[f"GRPS_TLS_{protocol.upper()}"]
    secure = ["echo", "hello", "--address", where, "--tls", "--protocol", protocol]
    secure += ["--ca", variables["GRPS_CA"]]
    assert call(*secure, key=variables["GRPS_KEY"]).stdout == "hello\n"
    (tmp_path / "key").write_text(variables["GRPS_KEY"] + "\n")
    assert call(*secure, "--key_file", str(tmp_path / "key")).stdout == "hello\n"
    assert "401" in call(*secure, code=1).stderr


def test_no_service_listens_there() -> None:
    failed = call("echo", "hello", "--address", "127.0.0.1:9", code=1)
    assert "127.0.0.1:9" in failed.stderr


def test_a_file_without_certificates_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    where = ("--address", "127.0.0.1:9", "--ca", str(tmp_path / "empty.pem"))
    for protocol in ("http", "grpc"):
        failed = call("echo", "hello", "--protocol", protocol, *where, code=2)
        assert "empty.pem" in failed.stderr


def test_pieces_are_written_as_they_come(variables: dict[str, str]) -> None:
    command = [sys.executable, "-m", "grps.cli.main", "call", "count", "--text=-1", "--stream"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [*command, "-o", "json", *address(variables)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        text=True,
    )
    assert isinstance(process.stdout, io.TextIOWrapper)
    assert json.loads(process.stdout.readline()) == {"text": "0"}
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=GUARD_S)
    assert process.returncode == 130
    wait_until(lambda: '"running": 0' in call("state", *address(variables)).stdout, "it ends")
