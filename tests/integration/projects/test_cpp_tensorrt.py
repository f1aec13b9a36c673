"""Projects in C++ with TensorRT, on stand-ins for TensorRT and CUDA; no GPU has run them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.projects.conftest import BUILD_S, WAIT_S, Dev, Grpst, state_of
from tests.tensorrt import (
    DOUBLE,
    build_stand_ins,
    cuda_headers,
    tensorrt_headers,
    tensorrt_major,
)
from tests.unit.deploy.archive.archives import write_tree

SERVER = "interface: {host: 127.0.0.1, port: '0,0'}\n"
QUICK = ("--cmake_define", "CMAKE_CXX_FLAGS_RELWITHDEBINFO=")


@pytest.fixture
def project(grpst: Grpst, tmp_path: Path) -> Path:
    folder = tmp_path / "p"
    grpst("create", folder, "--project_type", "cpp_trt")
    # The packages of its requirements are large, and the stand-ins take their places.
    write_tree(folder, {"conf/server.yml": SERVER, "requirements.txt": ""})
    return folder


def headers() -> list[str]:
    """Where the headers are, as a user says it."""
    places = {"TENSORRT_ROOT": tensorrt_headers(), "CUDA_ROOT": cuda_headers().parent}
    return [word for name, at in places.items() for word in ("--cmake_define", f"{name}={at}")]


def ask(project: Path, base: str) -> str:
    command = ["bash", str(project / "client" / "client.sh"), base]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=WAIT_S
    ).stdout


@pytest.mark.timeout(900)
def test_from_create_to_an_answer(
    grpst: Grpst, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = f"libnvinfer.so.{tensorrt_major()}"
    said = grpst("archive", project, *QUICK, *headers(), timeout_s=BUILD_S)
    needed = re.findall(r"note: build/libyour_plugin.so needs the Python package (\S+)", said)
    assert needed == ["tensorrt", "nvidia-cuda-runtime"]
    refused = grpst("start", "server.mar", "--no_logging", code=1)
    assert "data/model.engine: it can't be read" in refused
    write_tree(project, {"data/model.engine": DOUBLE})
    grpst("archive", project, *QUICK, *headers(), timeout_s=BUILD_S)
    refused = " ".join(grpst("start", "server.mar", "--no_logging", code=1).split())
    assert f"TensorRT is not installed: {library}: cannot open shared object file" in refused
    assert f"pip install 'tensorrt=={tensorrt_major()}.*', or put" in refused
    # The tests of the project run the engine as well where the libraries are.
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build_stand_ins(tmp_path / "lib")))
    grpst("archive", project, *QUICK, *headers(), timeout_s=BUILD_S)
    for native in ("never", "always"):
        grpst("start", "server.mar", "--no_logging", "--native", native)
        asked = ask(project, f"http://127.0.0.1:{state_of('my_grps').ports[0]}")
        assert '"ndarray":[[2.0,5.0]]' in asked
        grpst("stop", "my_grps")
    monkeypatch.delenv("LD_LIBRARY_PATH")
    refused = " ".join(
        grpst("start", "server.mar", "--no_logging", "--native", "always", code=1).split()
    )
    assert "can't be served without Python: model your_model-1.0.0: " in refused
    assert f"opens {library}, which is not found" in refused


@pytest.mark.timeout(900)
def test_dev_serves_it_with_libraries_beside_the_project(project: Path) -> None:
    build_stand_ins(project / "lib")
    write_tree(project, {"data/model.engine": DOUBLE})
    with Dev(project, BUILD_S, *QUICK, *headers()) as dev:
        assert '"ndarray":[[2.0,5.0]]' in ask(project, dev.ready())
        assert dev.end() == 0


def test_headers_that_are_not_there(grpst: Grpst, project: Path, tmp_path: Path) -> None:
    nowhere = ("--cmake_define", f"TENSORRT_ROOT={tmp_path}/none")
    said = " ".join(grpst("archive", project, *nowhere, code=1).split())
    assert f"TENSORRT_ROOT: {tmp_path}/none is no folder" in said
    without = ("--cmake_define", f"TENSORRT_ROOT={tmp_path}")
    said = " ".join(grpst("archive", project, *without, code=1).split())
    assert "NvInferRuntime.h, a header of TensorRT, is not found" in said
    assert "give its folder: -D TENSORRT_ROOT=FOLDER" in said
    of_cuda = (*headers()[:2], "--cmake_define", "GRPS_PYTHON=/bin/false")
    said = " ".join(grpst("archive", project, *of_cuda, code=1).split())
    assert "cuda_runtime_api.h, a header of CUDA, is not found: pip install nvidia-cuda-" in said
