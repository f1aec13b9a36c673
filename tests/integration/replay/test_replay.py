"""Requests of a real service are recorded, and sent again to equal and to other versions."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from click.testing import CliRunner, Result
from onnx import TensorProto, helper

from grps.backends.libraries import native_library
from grps.cli.main import main
from grps.client import Client
from grps.deploy.native import PROGRAM
from grps.protocol.pb.grps_pb2 import DT_FLOAT32, GenericTensor, GenericTensorData, GrpsMessage
from tests.onnx_models import save_graph
from tests.support import RunningServer, serving, wait_until, write_project

CAPTURE = "/grps/v1/admin/capture"
FACTORS = {"1.0.0": 2.0, "2.0.0": 2.001, "3.0.0": 2.0}
"""The versions of the model; the second is wrong."""
SECRETS = {
    "Cookie": "session=SECRET-cookie",
    "X-Api-Key": "SECRET-key",
    "Proxy-Authorization": "Basic SECRET-basic",
}
MAX_BYTES = 64 * 1024


def write_models(folder: Path, *, native: bool = False) -> list[dict[str, Any]]:
    """Write the versions of a model ``y = factor * x``, and return their configuration."""
    models = []
    for version, factor in FACTORS.items():
        tensor = helper.make_tensor("value", TensorProto.FLOAT, [], [factor])
        nodes = [
            helper.make_node("Constant", [], ["factor"], value=tensor),
            helper.make_node("Mul", ["x", "factor"], ["y"]),
        ]
        sides = [(name, TensorProto.FLOAT, ["batch", 2]) for name in ("x", "y")]
        path = save_graph(folder / f"scale-{version}.onnx", nodes, sides[:1], sides[1:])
        models.append(
            {
                "name": "scale",
                "version": version,
                "inferer_type": "onnxruntime",
                "inferer_path": str(path),
                "inferer_args": {"native": native},
            }
        )
    return models


@pytest.fixture(scope="module", params=[None, PROGRAM], ids=["python", "native"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("replay")
    capture = {"max_bytes": MAX_BYTES, "max_record_bytes": 4096, "headers": ["x-tenant"]}
    project = write_project(
        folder, write_models(folder, native=request.param is not None), {"capture": capture}
    )
    library = {"GRPS_ONNXRUNTIME": str(native_library("onnxruntime"))} if request.param else {}
    with serving(project, request.param, **library) as running:
        yield running


def admin(server: RunningServer, method: str, path: str = "", **options: Any) -> requests.Response:
    return requests.request(method, server.url(CAPTURE + path), timeout=30, **options)


@pytest.fixture
def capture(server: RunningServer) -> Iterator[dict[str, Any]]:
    """A capture of everything that runs."""
    started = admin(server, "POST", "/start")
    assert started.status_code == 200, started.text
    yield started.json()
    admin(server, "POST", "/stop")


def predict(server: RunningServer, rows: Any, model: str = "scale-1.0.0", **options: Any) -> int:
    query = f"?model={model}"
    return server.post({"ndarray": rows}, query, **options).status_code


def fetch(server: RunningServer, file: Path) -> Path:
    response = admin(server, "GET", "/records")
    assert response.status_code == 200, response.text
    assert int(response.headers["Content-Length"]) == len(response.content)
    file.write_bytes(response.content)
    return file


def replay(server: RunningServer, file: Path, *options: str) -> tuple[Result, dict[str, Any]]:
    """Run ``grpst replay`` and return what it printed and its result in JSON."""
    result = file.with_suffix(".json")
    result.unlink(missing_ok=True)
    target = f"127.0.0.1:{server.ports[0]}"
    arguments = ["replay", str(file), target, "--json", str(result), *options]
    ran = CliRunner().invoke(main, arguments)
    return ran, json.loads(result.read_text()) if result.exists() else {}


def files(server: RunningServer) -> list[Path]:
    return sorted((server.folder / "capture").iterdir())


def total_size(server: RunningServer) -> int:
    """Bytes of the files at one moment: none is removed or added while they are measured."""
    while True:
        before = files(server)
        with suppress(FileNotFoundError):
            total = sum(file.stat().st_size for file in before)
            if files(server) == before:
                return total


def metric(server: RunningServer, name: str) -> float:
    page = requests.get(server.url("/metrics"), timeout=30).text
    lines = [line for line in page.splitlines() if line.startswith(name)]
    assert len(lines) == 1, lines
    return float(lines[0].split()[-1])


@pytest.mark.usefixtures("capture")
def test_a_capture_under_load_is_bounded_and_has_no_secrets(
    server: RunningServer, tmp_path: Path
) -> None:
    before = metric(server, "grps_capture_recorded_total")
    headers = {**SECRETS, "Authorization": "Bearer SECRET-token", "X-Tenant": "tenant-7"}

    def send(number: int) -> int:
        status = predict(server, [[number, 1.0]] * 8, headers=headers)
        assert total_size(server) <= MAX_BYTES
        return status

    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(send, range(300)))
    assert statuses == [200] * 300
    content = fetch(server, tmp_path / "requests.grpscap").read_bytes()
    assert content.startswith(b"GRPSCAP1")
    assert len(content) <= MAX_BYTES
    assert b"SECRET" not in content
    assert b"tenant-7" in content
    state = admin(server, "GET").json()
    assert (state["state"], state["left_out"]) == ("running", [])
    assert metric(server, "grps_capture_recorded_total") - before == 300
    assert state["records"] + state["overwritten"] == 300
    assert state["overwritten"] > 0
    assert metric(server, "grps_capture_bytes") == state["bytes"]
    for file in files(server):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((server.folder / "capture").stat().st_mode) == 0o700


def record(server: RunningServer, file: Path) -> Path:
    """Record a dozen requests of every protocol, one of which fails."""
    for number in range(4):
        assert predict(server, [[number, 10.0]]) == 200
        for protocol in ("grpc", "brpc", "oip-grpc"):
            address = f"127.0.0.1:{server.ports[0]}"
            with Client(address, protocol=protocol) as client:
                rows = np.array([[number, 20.0]], np.float32)
                client.predict({"x": rows}, model="scale-1.0.0")
    assert predict(server, [[1.0, 2.0, 3.0]]) == 400
    return fetch(server, file)


@pytest.mark.usefixtures("capture")
def test_replays_find_a_wrong_version_and_only_that(server: RunningServer, tmp_path: Path) -> None:
    file = record(server, tmp_path / "requests.grpscap")
    for options in ((), ("--version", "3.0.0"), ("--model", "scale-3.0.0", "--speed", "2")):
        ran, result = replay(server, file, *options)
        assert ran.exit_code == 0, ran.output
        found = result["found"]
        assert (found["compared"], found["equal"], result["missing"]) == (17, 17, 0)
        assert result["capture"]["routes"] == {"scale-1.0.0": 17}
    ran, result = replay(server, file, "--version", "2.0.0", "--speed", "max")
    assert ran.exit_code == 1, ran.output
    found = result["found"]
    # The request that failed fails again.
    assert (found["different"], found["equal"], found["other_outcomes"]) == (16, 1, 0)
    worst = found["worst"][0]
    assert (worst["tensor"], worst["index"], worst["route"]) == ("y", [0, 1], "scale-1.0.0")
    assert abs(worst["max_absolute"] - 0.02) < 1e-4
    assert re.search(r"most y\[0\]\[1\]: 40\.0\d+ instead of 40$", ran.output, re.MULTILINE)
    ran, result = replay(server, file, "--version", "2.0.0", "--tolerance", "rel=1e-3")
    assert ran.exit_code == 0, ran.output
    assert result["found"]["within_tolerance"] == 16
    assert replay(server, file, "--version", "2.0.0", "--max_differences", "16")[0].exit_code == 0
    assert replay(server, file, "--version", "2.0.0", "--max_differences", "15")[0].exit_code == 1


@pytest.mark.usefixtures("capture")
def test_a_model_that_fails_is_another_outcome(server: RunningServer, tmp_path: Path) -> None:
    assert predict(server, [[1.0, 2.0]]) == 200
    file = fetch(server, tmp_path / "requests.grpscap")
    ran, result = replay(server, file, "--version", "9.9.9")
    assert ran.exit_code == 1
    assert (result["found"]["other_outcomes"], result["failed"]) == (1, 1)
    assert "it failed: status 404" in ran.output


@pytest.mark.usefixtures("capture")
def test_streams_are_counted(server: RunningServer) -> None:
    tensor = GenericTensor(name="x", dtype=DT_FLOAT32, shape=[1, 2], flat_float32=[1.0, 2.0])
    message = GrpsMessage(model="scale-1.0.0", gtensors=GenericTensorData(tensors=[tensor]))
    name = 'grps_capture_left_out_total{reason="stream"}'
    before = metric(server, name)
    with server.stub() as stub:
        assert len(list(stub.PredictStreaming(message))) == 1
    assert metric(server, name) == before + 1


@pytest.mark.usefixtures("capture")
def test_large_requests_are_left_out(server: RunningServer) -> None:
    before = admin(server, "GET").json()
    assert predict(server, [[1.0, 2.0]] * 600) == 200
    state = admin(server, "GET").json()
    counts = {one["reason"]: one["count"] for one in state["left_out"]}
    earlier = {one["reason"]: one["count"] for one in before["left_out"]}
    assert counts["too_large"] == earlier.get("too_large", 0) + 1


def test_a_capture_begins_and_ends(server: RunningServer) -> None:
    options = {"models": ["scale-2.0.0"], "sample_ratio": 0.5}
    started = admin(server, "POST", "/start", json=options)
    assert started.status_code == 200, started.text
    state = started.json()
    assert (state["state"], state["records"], state["models"]) == ("running", 0, ["scale-2.0.0"])
    assert admin(server, "POST", "/start").status_code == 409
    for _ in range(20):
        assert predict(server, [[1.0, 2.0]], "scale-2.0.0") == 200
        assert predict(server, [[1.0, 2.0]], "scale-3.0.0") == 200
    stopped = admin(server, "POST", "/stop").json()
    assert stopped["state"] == "stopped"
    # Half of all requests, of which half are of the model.
    assert 1 <= stopped["records"] <= 20
    assert predict(server, [[1.0, 2.0]], "scale-2.0.0") == 200
    assert admin(server, "GET").json()["records"] == stopped["records"]


def test_wrong_options_are_refused(server: RunningServer) -> None:
    for options, status, text in (
        ({"models": ["none"]}, 404, "models: 'none'"),
        ({"sample_ratio": 0}, 400, "sample_ratio must be above 0"),
        ({"max_bytes": MAX_BYTES + 1}, 400, "max_bytes must be"),
        ({"directory": "/tmp"}, 400, "unknown field `directory`"),
    ):
        refused = admin(server, "POST", "/start", json=options)
        assert refused.status_code == status, refused.text
        assert text in refused.json()["status"]["msg"]
    assert admin(server, "GET").json()["state"] in ("off", "stopped")


def test_a_capture_of_the_configuration_begins_with_the_service(tmp_path: Path) -> None:
    capture = {"enabled": True, "models": ["scale"]}
    project = write_project(tmp_path, write_models(tmp_path)[:1], {"capture": capture})
    with serving(project) as server:
        assert predict(server, [[1.0, 2.0]]) == 200
        wait_until(lambda: admin(server, "GET").json()["records"] == 1, "the record")


@pytest.mark.parametrize(
    ("content", "options", "text"),
    [
        (b"no capture", (), "the file is no capture"),
        (b"GRPSCAP1", (), "the capture has no requests"),
        (b"GRPSCAP9", (), "version 9 of the format"),
        (b"GRPSCAP1" + b"\x01" * 30, (), "the record at byte 8"),
        (b"GRPSCAP1", ("--tolerance", "1e-3"), "a tolerance is written as"),
        (b"GRPSCAP1", ("--speed", "0"), "use a number above 0"),
        (b"GRPSCAP1", ("--version", "1", "--model", "m-1"), "either --version or --model"),
    ],
)
def test_wrong_replays_are_explained(
    tmp_path: Path, content: bytes, options: tuple[str, ...], text: str
) -> None:
    file = tmp_path / "requests.grpscap"
    file.write_bytes(content)
    ran = CliRunner().invoke(main, ["replay", str(file), "127.0.0.1:1", *options])
    assert ran.exit_code != 0
    assert text in ran.output + str(ran.exception)
