"""Shared libraries of installed engines, for native code."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from grps.errors import MissingExtraError, ModelError

PACKAGE = "onnxruntime"


def onnxruntime_library() -> Path:
    """Return the shared library of the installed ONNX Runtime, which is not imported.

    Raises:
        MissingExtraError: It is not installed.
        ModelError: Its package has no such library.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtraError(PACKAGE, "onnx")
    folder = Path(spec.origin).parent / "capi"
    found = sorted(folder.glob("libonnxruntime.so.*"))
    if not found:
        raise ModelError(f"{folder} has no libonnxruntime.so; use native: false")
    return found[-1]
