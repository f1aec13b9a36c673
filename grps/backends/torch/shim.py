"""What the shim of PyTorch is built of: the headers and libraries in its package."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from grps.backends.shims.recipe import Recipe
from grps.errors import MissingExtraError, ModelError

_LIBRARIES = ("torch", "torch_cpu", "c10")
_ABI = re.compile(r"-D_GLIBCXX_USE_CXX11_ABI=\d")


def recipe() -> Recipe:
    """Return the recipe for the installed package, which is not imported.

    Raises:
        MissingExtraError: PyTorch is not installed.
        ModelError: Its package lacks the headers.
    """
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        raise MissingExtraError("torch", "torch")
    folder = Path(spec.origin).parent
    headers = folder / "include"
    if not (headers / "torch" / "script.h").is_file():
        raise ModelError(f"{folder} has no headers for C++; use native: false")
    try:
        found = version("torch").partition("+")[0]
    except PackageNotFoundError:
        found = "unknown"
    return Recipe(
        engine="torch",
        package="torch",
        version=found,
        includes=(headers, headers / "torch" / "csrc" / "api" / "include"),
        folders=(folder / "lib",),
        libraries=_LIBRARIES,
        flags=_abi_of(folder),
    )


def _abi_of(folder: Path) -> tuple[str, ...]:
    """Return the flag for the C++ strings that older packages were built with."""
    config = folder / "share" / "cmake" / "Torch" / "TorchConfig.cmake"
    found = _ABI.search(config.read_text(errors="replace")) if config.is_file() else None
    return (found[0],) if found else ()
