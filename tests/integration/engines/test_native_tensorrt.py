"""TensorRT engines in native threads, on stand-ins for TensorRT and CUDA; no GPU has run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from grps.backends.libraries import native_library
from grps.deploy.native import PROGRAM
from tests.integration.engines.native_models import ask, tensor
from tests.support import REPOSITORY, RunningServer, serving, two_free_ports, write_project
from tests.tensorrt import (
    DOUBLE,
    build_stand_ins,
    cuda_headers,
    tensorrt_headers,
    tensorrt_major,
)

ENGINES = {
    "double": DOUBLE,
    "types": "ftrt input a BF16 -1 range 1 2 4 input b BOOL -1 range 1 2 4 "
    "input c INT64 -1 range 1 2 4 output d BF16 -1 output e BOOL -1 output f INT64 -1",
    "rows": "ftrt input x FLOAT -1x2 range 1x2 2x2 4x2 output y FLOAT -1x2 rows",
    "failing": "ftrt input x FLOAT -1x2 range 2x2 2x2 4x2 output y FLOAT -1x2 fails enqueue",
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A machine with TensorRT, CUDA and two GPUs, as it seems; its folder."""
    folder = tmp_path_factory.mktemp("machine")
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("TENSORRT_ROOT", str(tensorrt_headers()))
        changed.setenv("CUDA_ROOT", str(cuda_headers()))
        changed.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        changed.setenv("LD_LIBRARY_PATH", str(build_stand_ins(folder / "lib")))
        changed.setenv("STANDIN_CUDA_DEVICES", "2")
        yield folder


def configured(folder: Path, name: str, **keys: Any) -> dict[str, Any]:
    (folder / f"{name}.engine").write_text(ENGINES[name])
    return {
        "name": name,
        "version": "1",
        "device": "cuda:1",
        "inferer_type": "tensorrt",
        "inferer_path": str(folder / f"{name}.engine"),
        "inferer_args": {"native": True},
        **keys,
    }


@pytest.fixture(scope="module", params=["python", "alone"])
def server(
    request: pytest.FixtureRequest, machine: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp(request.param)
    batching = {"type": "dynamic", "max_batch_size": 16}
    write_project(
        folder,
        [
            configured(folder, "double", batching=batching, instances=2, device="cuda:0,cuda:1"),
            configured(folder, "types"),
            configured(folder, "rows"),
            configured(folder, "failing"),
        ],
    )
    if request.param == "python":
        with serving(folder) as running:
            yield running
        return
    library = str(native_library("tensorrt"))
    with serving(folder, PROGRAM, GRPS_TENSORRT=library) as running:
        yield running


def test_engines_answer(server: RunningServer) -> None:
    status, outputs = ask(server, "double", [tensor("x", "FP32", [2, 2], [1, 2.5, -3, 0])])
    assert (status, outputs[0]["data"]) == (200, [2, 5, -6, 0])
    inputs = [
        tensor("a", "FP32", [2], [1.5, -2]),
        tensor("b", "UINT8", [2], [0, 9]),
        tensor("c", "INT64", [2], [1, 1 << 40]),
    ]
    status, outputs = ask(server, "types", inputs)
    assert status == 200
    assert [one["data"] for one in outputs] == [[1.5, -2], [0, 1], [1, 1 << 40]]
    status, outputs = ask(server, "rows", [tensor("x", "FP32", [2, 2], [-1, 2, 3, 4])])
    assert (outputs[0]["shape"], outputs[0]["data"]) == ([1, 2], [6, 8])


def test_what_an_engine_refuses_is_the_clients_fault(server: RunningServer) -> None:
    wide = ask(server, "rows", [tensor("x", "FP32", [5, 2], [0] * 10)])
    assert wide == (400, "input x has shape [5, 2]; the engine allows [1..4, 2]")
    assert ask(server, "types", [tensor("a", "FP32", [1], [1])])[0] == 400
    failed = ask(server, "failing", [tensor("x", "FP32", [2, 2], [1] * 4)])
    assert failed == (500, "the engine has failed.")


def test_requests_at_once_keep_their_rows(server: RunningServer) -> None:
    def doubled(number: int) -> Any:
        return ask(server, "double", [tensor("x", "FP32", [1, 2], [number, 1])])[1][0]["data"]

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(doubled, range(100))) == [[2.0 * n, 2.0] for n in range(100)]


def test_metadata_tells_types_shapes_and_places(server: RunningServer) -> None:
    metadata = requests.get(server.url("/v2/models/types"), timeout=20).json()
    described = {one["name"]: (one["datatype"], one["shape"]) for one in metadata["inputs"]}
    assert described == {"a": ("FP32", [-1]), "b": ("UINT8", [-1]), "c": ("INT64", [-1])}
    url = server.url("/grps/v1/metadata/model")
    answer = requests.post(url, json={"str_data": "double-1"}, timeout=20).json()
    assert yaml.safe_load(answer["str_data"])["placed_on"] == ["cuda:0", "cuda:1"]


@pytest.mark.parametrize(
    ("keys", "cause"),
    [
        ({"device": "cuda:2"}, "device cuda:2: this machine has 2 CUDA devices"),
        ({"device": "cpu"}, "TensorRT runs on NVIDIA GPUs only; use device: cuda"),
        ({"inferer_args": {"native": True, "streams": 2}}, "inferer_args.streams is not possible"),
        ({"inferer_args": {"native": True, "stream": 2}}, "unknown field `stream`"),
        (
            {"inferer_path": "old.engine"},
            "/old.engine: Version tag does not match; build the engine again with the TensorRT "
            "that runs it (",
        ),
        ({"inferer_path": "missing.engine"}, "missing.engine"),
    ],
)
@pytest.mark.usefixtures("machine")
def test_what_is_wrong_is_said(tmp_path: Path, keys: dict[str, Any], cause: str) -> None:
    (tmp_path / "old.engine").write_bytes(b"ptrt of another version")
    write_project(tmp_path, [configured(tmp_path, "double", **keys)])
    with pytest.raises(AssertionError, match="failed") as caught, serving(tmp_path):
        pass
    assert cause in str(caught.value)


@pytest.mark.usefixtures("machine")
def test_without_the_library_the_message_names_the_package(tmp_path: Path) -> None:
    write_project(tmp_path, [configured(tmp_path, "double")])
    shim = str(native_library("tensorrt"))
    for program in (None, PROGRAM):
        with (
            pytest.raises(AssertionError, match="failed") as caught,
            serving(tmp_path, program, LD_LIBRARY_PATH="", GRPS_TENSORRT=shim),
        ):
            pass
        library = f"libnvinfer.so.{tensorrt_major()}"
        assert f"TensorRT is not installed: {library}: cannot open shared" in str(caught.value)
        assert f"pip install 'tensorrt=={tensorrt_major()}.*'" in str(caught.value)


def test_the_verb_serves_an_engine_without_python(machine: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.engine"
    model.write_text(DOUBLE)

    def grpst(*words: str) -> subprocess.CompletedProcess[str]:
        home = {"GRPS_HOME": str(tmp_path / "home"), "PYTHONPATH": str(REPOSITORY)}
        return subprocess.run(
            [sys.executable, "-m", "grps.cli.main", *words],
            env={**os.environ, **home},
            capture_output=True,
            text=True,
            check=False,
        )

    ports = ["--port", "{},{}".format(*two_free_ports()), "--host", "127.0.0.1"]
    try:
        started = grpst("trt_serve", str(model), "--native", *ports, "--no_logging")
        assert started.returncode == 0, started.stderr
        url = f"http://127.0.0.1:{ports[1].split(',')[0]}/grps/v1/infer/predict"
        answer = requests.post(f"{url}?return-ndarray=true", json={"ndarray": [[1, 2]]}, timeout=20)
        assert answer.json()["ndarray"] == [[2, 4]]
        assert grpst("ps").stdout.split()[-1] == "native"
    finally:
        grpst("stop", "my_grps")
