"""The layer for TensorRT in C++ on stand-ins for TensorRT and CUDA; no GPU has run it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.tensorrt import SOURCES, build_stand_ins, compiler, tensorrt_major


def test_engines_run_on_the_stand_ins(tmp_path: Path) -> None:
    program = tmp_path / "engine_test"
    checks = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    build = [*compiler(*checks), "-o", str(program), str(SOURCES / "engine_test.cc"), "-ldl"]
    subprocess.run(build, check=True)
    libraries = {"LD_LIBRARY_PATH": str(build_stand_ins(tmp_path / "lib"))}
    ran = _run(program, tmp_path, libraries)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.endswith(" tests, 0 failed\n")
    assert "warning: TensorRT: a warning of the stand-in\n" in ran.stderr
    without = _run(program, tmp_path, {})
    library = f"libnvinfer.so.{tensorrt_major()}"
    assert f"TensorRT is not installed: {library}: cannot open shared object" in without.stderr
    assert f"; pip install 'tensorrt=={tensorrt_major()}.*', or put" in without.stderr


def _run(
    program: Path, folder: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program],
        cwd=folder,
        env={**os.environ, **variables},
        check=False,
        capture_output=True,
        text=True,
    )


def test_the_header_compiles_alone_and_by_a_newer_standard(tmp_path: Path) -> None:
    source = tmp_path / "one.cc"
    source.write_text("#include <grps/tensorrt.hpp>\n#include <grps/tensorrt.hpp>\n")
    command = compiler("-std=c++20", "-Wshadow", "-Wconversion", "-fsyntax-only", str(source))
    subprocess.run(command, check=True)
