"""Shared libraries of installed engines, for native code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from grps.errors import MissingExtraError, ModelError


def native_library(engine: str) -> Path:
    """Return the shared library by which native code runs the models of an engine.

    Args:
        engine: One of ``LIBRARIES``.

    Raises:
        MissingExtraError: The engine is not installed.
        ModelError: Its package has no such library.
    """
    return LIBRARIES[engine]()


def _onnxruntime() -> Path:
    return _library_in("onnxruntime", "onnx", "capi", "libonnxruntime.so.*")


def _openvino() -> Path:
    return _library_in("openvino", "openvino", "libs", "libopenvino_c.so.*")


def _tensorflow() -> Path:
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


LIBRARIES: Mapping[str, Callable[[], Path]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "tensorflow": _tensorflow,
}
"""The engines that there are in native code, and where the library of each is."""
