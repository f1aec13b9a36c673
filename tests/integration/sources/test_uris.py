"""Services whose models are given by URIs: what is fetched, and when."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from onnx import TensorProto

from tests.onnx_models import save_node
from tests.support import REPOSITORY, RunningServer, launch, serving, state_of, write_project
from tests.unit.sources.host import Host, hosting

START_FAILS_S = 60


@pytest.fixture
def host() -> Iterator[Host]:
    with hosting() as made:
        yield made


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"GRPS_CACHE": str(tmp_path / "cache"), "NO_PROXY": "*"}


def onnx_of(folder: Path, operator: str) -> bytes:
    tensor = (TensorProto.FLOAT, ["n"])
    return save_node(
        folder / "made.onnx", operator, [("x", *tensor)], [("y", *tensor)]
    ).read_bytes()


def project_of(folder: Path, uri: str, **server: Any) -> Path:
    model = {
        "name": "net",
        "version": "1.0.0",
        "inferer_type": "onnxruntime",
        "inferer_path": uri,
        "converter_type": "numpy",
    }
    return write_project(folder / "project", [model], server)


def answer(server: RunningServer) -> list[float]:
    found = server.post({"ndarray": [-3.0]}, "?return-ndarray=true").json()["ndarray"]
    return list(found)


def test_starts_fetch_what_has_changed_and_nothing_else(
    host: Host, tmp_path: Path, environment: dict[str, str]
) -> None:
    host.files["/net.onnx"] = onnx_of(tmp_path, "Neg")
    size = len(host.files["/net.onnx"])
    folder = project_of(tmp_path, f"{host.url}/net.onnx")
    with serving(folder, None, **environment) as server:
        assert answer(server) == [3.0]
    assert host.body_bytes == size
    with serving(folder, None, **environment) as server:
        assert host.body_bytes == size
        assert "(0 bytes fetched)" in server.whole_log()
        host.files["/net.onnx"] = onnx_of(tmp_path, "Identity")
        reloaded = requests.post(server.url("/grps/v1/admin/models/net/reload"), timeout=30)
        assert (reloaded.status_code, answer(server)) == (200, [-3.0])
    host.guard = lambda path, headers: (503, {})
    with serving(folder, None, **environment) as server:
        assert answer(server) == [-3.0]
        assert "in the cache is used" in server.whole_log()
        # The former content goes, and what is served stays.
        assert "in_use" in grpst("cache", "list", environment)
        assert "removed" in grpst("cache", "prune", environment, "--all")
        assert "1 model," in grpst("cache", "list", environment)
    assert "net.onnx" in grpst("cache", "prune", environment, "--all")


def grpst(verb: str, action: str, environment: dict[str, str], *flags: str) -> str:
    command = [sys.executable, "-m", "grps.cli.main", verb, action, *flags]
    ran = subprocess.run(
        command, env={**os.environ, **environment}, cwd=REPOSITORY, capture_output=True, check=True
    )
    return ran.stdout.decode()


def test_a_host_that_is_not_allowed_ends_the_start(
    host: Host, tmp_path: Path, environment: dict[str, str]
) -> None:
    host.files["/net.onnx"] = onnx_of(tmp_path, "Neg")
    sources = {"allowed_hosts": ["models.example.com"]}
    folder = project_of(tmp_path, f"{host.url}/net.onnx", sources=sources)
    process = launch(folder, None, **environment)
    assert process.wait(START_FAILS_S) == 1
    state = state_of(folder)
    assert state is not None
    assert state.error is not None
    assert "'127.0.0.1' is not in sources.allowed_hosts" in state.error
    assert host.seen == []


def test_a_serve_verb_takes_a_uri_and_keeps_it(
    host: Host, tmp_path: Path, environment: dict[str, str]
) -> None:
    host.files["/v1/net.onnx"] = onnx_of(tmp_path, "Neg")
    uri = f"{host.url}/v1/net.onnx"
    home = {"GRPS_HOME": str(tmp_path / "home"), **environment}
    run = [sys.executable, "-m", "grps.cli.main"]
    flags = ["--name", "demo", "--port", "0", "--host", "127.0.0.1", "--no_logging"]
    flags += ["--interface_framework", "http"]
    options: Any = {"env": {**os.environ, **home}, "cwd": REPOSITORY, "capture_output": True}
    served = subprocess.run([*run, "onnx_serve", uri, *flags], check=False, **options)
    try:
        assert served.returncode == 0, served.stderr.decode()
        conf = tmp_path / "home" / "demo" / "conf" / "inference.yml"
        assert uri in conf.read_text()
        state = json.loads((tmp_path / "home" / "demo" / "run" / "state.json").read_text())
        url = f"http://127.0.0.1:{state['ports'][0]}/grps/v1/infer/predict?return-ndarray=true"
        assert requests.post(url, json={"ndarray": [-3.0]}, timeout=30).json()["ndarray"] == [3.0]
        assert host.body_bytes == len(host.files["/v1/net.onnx"])
    finally:
        subprocess.run([*run, "stop", "demo"], check=False, **options)
    host.guard = lambda path, headers: (404, {})
    failed = subprocess.run([*run, "restart", "demo", "--no_logging"], check=False, **options)
    assert failed.returncode == 1
    assert f"model net-1.0.0: inferer_path: {uri}: status 404" in failed.stderr.decode()
