"""What the shim of TensorRT is built of: NVIDIA's headers, which the Python package lacks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from grps.backends.shims.recipe import Recipe
from grps.errors import MissingExtraError, ModelError

ROOT_VARIABLE = "TENSORRT_ROOT"
"""Environment variable: the folder of TensorRT, or of NVIDIA's repository of it."""
CUDA_VARIABLE = "CUDA_ROOT"
"""Environment variable: the folder of CUDA."""
HEADER, CUDA_HEADER = "NvInferRuntime.h", "cuda_runtime_api.h"
_MACRO = re.compile(r"^#define (?:TRT|NV_TENSORRT)_(MAJOR|MINOR|PATCH)(?:_ENTERPRISE)? (\d+)", re.M)
_PACKAGES = ("tensorrt_libs", "nvidia.cu13", "nvidia.cuda_runtime")
"""Python packages with the libraries that the shim opens."""


def recipe() -> Recipe:
    """Return the recipe for the headers that are here; nothing is imported.

    Raises:
        MissingExtraError: TensorRT is not installed, and neither are its headers.
        ModelError: There are no headers, or they are of another major version than the package.
    """
    headers = _find(HEADER, ROOT_VARIABLE, _tensorrt_folders())
    if headers is None:
        if find_spec("tensorrt") is None:
            raise MissingExtraError("tensorrt", "tensorrt")
        raise ModelError(
            f"{HEADER}, a header of TensorRT, is not found: the Python package has none; install "
            "libnvinfer-headers-dev, or get https://github.com/NVIDIA/TensorRT at the version that "
            f"runs and set {ROOT_VARIABLE} to its folder; or use native: false"
        )
    cuda = _find(CUDA_HEADER, CUDA_VARIABLE, _cuda_folders())
    if cuda is None:
        raise ModelError(
            f"{CUDA_HEADER}, a header of CUDA, is not found: pip install nvidia-cuda-runtime "
            f"nvidia-cuda-crt, or set {CUDA_VARIABLE} to the folder of CUDA; or use native: false"
        )
    found = _version_of(headers)
    _expect_package(found, headers)
    return Recipe(
        engine="tensorrt",
        package="the headers of TensorRT",
        version=found,
        includes=(headers, cuda),
        folders=tuple(_library_folders()),
        seconds=5,
    )


def _find(header: str, variable: str, folders: Iterator[Path]) -> Path | None:
    """Return the folder of a header: in the one that the variable names, or in one of these."""
    given = os.environ.get(variable)
    for folder in [Path(given)] if given else folders:
        for place in (folder / "include", folder):
            if (place / header).is_file():
                return place
    return None


def _tensorrt_folders() -> Iterator[Path]:
    yield from _package_folders("tensorrt")
    yield from (Path("/usr/include"), *sorted(Path("/usr/include").glob("*-linux-gnu")))


def _cuda_folders() -> Iterator[Path]:
    yield from _package_folders("nvidia.cu13", "nvidia.cuda_runtime")
    yield from (Path("/usr/local/cuda"), Path("/usr"))


def _library_folders() -> Iterator[Path]:
    for folder in _package_folders(*_PACKAGES):
        if place := next((one for one in (folder / "lib", folder) if any(one.glob("*.so*"))), None):
            yield place


def _package_folders(*packages: str) -> Iterator[Path]:
    for package in packages:
        try:
            spec = find_spec(package)
        except ModuleNotFoundError:  # the package that it is inside of
            continue
        yield from map(Path, (spec and spec.submodule_search_locations) or ())


def _version_of(headers: Path) -> str:
    text = (headers / "NvInferVersion.h").read_text("utf-8", "replace")
    numbers = dict(_MACRO.findall(text))
    return ".".join(numbers.get(part, "0") for part in ("MAJOR", "MINOR", "PATCH"))


def _expect_package(found: str, headers: Path) -> None:
    """Refuse headers whose functions are at other places than those of the installed library."""
    try:
        installed = version("tensorrt")
    except PackageNotFoundError:
        return
    if installed.partition(".")[0] != found.partition(".")[0]:
        raise ModelError(
            f"the headers in {headers} are those of TensorRT {found}, but TensorRT {installed} is "
            f"installed; set {ROOT_VARIABLE} to the folder of its headers, or use native: false"
        )
