"""Shared libraries of installed engines, for native code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from grps.backends.shims.build import OnBuild, built_shim
from grps.errors import MissingExtraError, ModelError


def native_library(engine: str, on_build: OnBuild = lambda line: None) -> Path:
    """Return the shared library by which native code runs the models of an engine.

    Args:
        engine: One of ``LIBRARIES``.
        on_build: Receives a line if the library has to be built, which takes a while.

    Raises:
        MissingExtraError: The engine is not installed.
        ModelError: Its package has no such library, or it can't be built.
    """
    return LIBRARIES[engine](on_build)


def _onnxruntime(_: OnBuild) -> Path:
    return _library_in("onnxruntime", "onnx", "capi", "libonnxruntime.so.*")


def _openvino(_: OnBuild) -> Path:
    return _library_in("openvino", "openvino", "libs", "libopenvino_c.so.*")


def _tensorflow(_: OnBuild) -> Path:
    return _library_in("tensorflow", "tensorflow", "", "libtensorflow_cc.so.*")


def _library_in(package: str, extra: str, folder: str, pattern: str) -> Path:
    """Return a file of an installed package, which is not imported."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtraError(package, extra)
    place = Path(spec.origin).parent / folder
    found = sorted(place.glob(pattern))
    if not found:
        raise ModelError(f"{place} has no {pattern.rstrip('.*')}; use native: false")
    return found[-1]


def _torch(on_build: OnBuild) -> Path:
    from grps.backends.torch.shim import recipe

    return built_shim(recipe(), on_build)


def _tensorrt(on_build: OnBuild) -> Path:
    from grps.backends.tensorrt.shim import recipe

    return built_shim(recipe(), on_build)


LIBRARIES: Mapping[str, Callable[[OnBuild], Path]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "tensorflow": _tensorflow,
    "tensorrt": _tensorrt,
    "torch": _torch,
}
"""The engines that there are in native code, and where the library of each is."""
