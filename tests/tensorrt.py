"""NVIDIA's headers, and stand-ins for TensorRT and CUDA that are built with them."""

from __future__ import annotations

import functools
import importlib.util
import json
import subprocess
from pathlib import Path

from tests.support import REPOSITORY

SOURCES = REPOSITORY / "sdk" / "cpp" / "tests" / "tensorrt"
MANIFEST = REPOSITORY / "tests" / "nvidia_headers" / "Cargo.toml"
INCLUDE = REPOSITORY / "sdk" / "cpp" / "include"
DOUBLE = "ftrt input x FLOAT -1x2 range 1x2 4x2 16x2 output y FLOAT -1x2"
"""An engine of the stand-in, which doubles; see ``standin_plan.h``."""


@functools.cache
def tensorrt_headers() -> Path:
    """Return the folder of ``NvInferRuntime.h``, of a crate that cargo fetches."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1"]
    answer = subprocess.run(
        [*command, "--manifest-path", str(MANIFEST)], check=True, capture_output=True, text=True
    )
    packages = {one["name"]: one["manifest_path"] for one in json.loads(answer.stdout)["packages"]}
    headers = Path(packages["trtx-sys"]).parent / "TensorRT-Headers"
    return next(headers.glob("TRT-Enterprise-*"))


@functools.cache
def cuda_headers() -> Path:
    """Return the folder of ``cuda_runtime_api.h``, of the Python package of CUDA's runtime."""
    spec = importlib.util.find_spec("nvidia")
    places = spec.submodule_search_locations if spec is not None else None
    for place in places or ():
        for header in Path(place).glob("*/include/cuda_runtime_api.h"):
            return header.parent
    raise AssertionError("install the packages nvidia-cuda-runtime and nvidia-cuda-crt")


def compiler(*flags: str) -> list[str]:
    """Return the command that compiles with these headers, all warnings being errors."""
    headers = [f"-isystem{tensorrt_headers()}", f"-isystem{cuda_headers()}", f"-I{INCLUDE}"]
    return ["g++", "-std=c++17", "-O0", "-Wall", "-Wextra", "-Werror", *headers, *flags]


def build_stand_ins(folder: Path) -> Path:
    """Build ``libnvinfer`` and ``libcudart`` into a folder; return it."""
    folder.mkdir(exist_ok=True)
    shared = compiler("-shared", "-fPIC", "-Wl,-rpath,$ORIGIN")
    major = {"cudart": cuda_major(), "nvinfer": tensorrt_major()}
    files = {name: f"lib{name}.so.{number}" for name, number in major.items()}
    for name, source, needed in (
        ("cudart", "standin_cuda.cc", []),
        ("nvinfer", "standin_nvinfer.cc", [folder / files["cudart"]]),
    ):
        named = ["-o", str(folder / files[name]), f"-Wl,-soname,{files[name]}"]
        sources = [str(SOURCES / source), *map(str, needed)]
        subprocess.run([*shared, *named, *sources], check=True)
    return folder


def tensorrt_major() -> str:
    """Return the major version of the headers of TensorRT."""
    return _number(tensorrt_headers() / "NvInferVersion.h", "TRT_MAJOR_ENTERPRISE")


def cuda_major() -> str:
    """Return the major version of the headers of CUDA."""
    return str(int(_number(cuda_headers() / "cuda_runtime_api.h", "CUDART_VERSION")) // 1000)


def _number(header: Path, macro: str) -> str:
    lines = header.read_text(encoding="utf-8").splitlines()
    return next(line.split()[2] for line in lines if line.split()[:2] == ["#define", macro])
