"""Projects in C++ with an engine: created, built, tested, packed, served and asked."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from grps.deploy.project.creation import PROJECT_TYPES
from tests.integration.projects.conftest import BUILD_S, WAIT_S, Grpst, state_of
from tests.unit.deploy.archive.archives import write_tree

SERVER = "interface: {host: 127.0.0.1, port: '0,0'}\n"
PACKAGES = {
    "cpp_onnx": "onnxruntime",
    "cpp_openvino": "openvino",
    "cpp_tf": "tensorflow",
    "cpp_torch": "torch",
}
QUICK = ("--cmake_define", "CMAKE_CXX_FLAGS_RELWITHDEBINFO=")
"""Without optimization, which takes most of the time of a build."""


def test_each_type_with_an_engine_is_tested() -> None:
    elsewhere = {"cpp_trt"}  # test_cpp_tensorrt.py
    assert {name for name in PROJECT_TYPES if name.startswith("cpp_")} == {*PACKAGES, *elsewhere}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", PACKAGES)
def test_from_create_to_an_answer(grpst: Grpst, tmp_path: Path, kind: str) -> None:
    project = tmp_path / "p"
    grpst("create", project, "--project_type", kind)
    write_tree(project, {"conf/server.yml": SERVER})
    said = grpst("archive", project, *QUICK, timeout_s=BUILD_S)
    package = PACKAGES[kind]
    needed = re.findall(r"note: build/libyour_plugin.so needs (.*) where it is served", said)
    assert f"the Python package {package}" in needed
    grpst("start", "server.mar", "--no_logging")
    base = f"http://127.0.0.1:{state_of('my_grps').ports[0]}"
    command = ["bash", project / "client" / "client.sh", base]
    asked = subprocess.run(command, check=True, capture_output=True, text=True, timeout=WAIT_S)
    assert '"ndarray":[[2.0,5.0]]' in asked.stdout
    grpst("stop", "my_grps")


def test_an_engine_that_is_not_there(grpst: Grpst, tmp_path: Path) -> None:
    project = tmp_path / "p"
    grpst("create", project, "--project_type", "cpp_onnx")
    nowhere = ("--cmake_define", f"ONNXRUNTIME_ROOT={tmp_path}/none")
    said = " ".join(grpst("archive", project, *nowhere, code=1).split())
    assert f"ONNXRUNTIME_ROOT: {tmp_path}/none is no folder" in said
    absent = ("--cmake_define", "GRPS_PYTHON=/bin/false")
    said = " ".join(grpst("archive", project, *absent, code=1).split())
    assert "the Python package onnxruntime is not installed for /bin/false; install it, or" in said
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(p CXX)\n"
        "find_package(grps REQUIRED COMPONENTS oracle)\n"
    )
    assert "there is no component oracle" in grpst("archive", project, code=1)
