"""Finds the libraries that a plugin needs: those beside it, of its project, of Python packages.

The loader of the system looks for a library by the paths that the plugin was linked with, which are
those of another machine when it comes from an archive. It takes one that is loaded already.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

MISSING = re.compile(r"^(?P<name>[^/:]+): cannot open shared object file")
OPENED = re.compile(rb"grps (?P<how>opens|may open) (?P<name>[\w.+-]+)\0")
"""How a plugin names a library that it opens by itself when a model needs it."""
PACKAGES = {
    "nvidia.cu13": "lib",
    "nvidia.cuda_runtime": "lib",
    "onnxruntime": "capi",
    "openvino": "libs",
    "tensorflow": ".",
    "tensorrt_libs": ".",
    "torch": "lib",
}
"""Python packages with libraries that plugins use, and the folder of these."""
OWNERS = {
    "libcudart": "nvidia-cuda-runtime",
    "libonnxruntime": "onnxruntime",
    "libopenvino": "openvino",
    "libtensorflow": "tensorflow",
    "libnvinfer": "tensorrt",
    "libtorch": "torch",
    "libc10": "torch",
}
"""Beginnings of the names of libraries, and the package that has them."""


def load_needed(plugin: Path, project: Path) -> str | None:
    """Load what a plugin needs and the loader of the system does not find.

    Args:
        plugin: The library.
        project: The project's folder.

    Returns:
        What is missing and what to do; ``None`` if nothing is.
    """
    folders = [plugin.parent, project / "lib"]
    missing = _load(plugin, folders, ())
    if missing is None:
        _load_opened(plugin, folders)
        return None
    package = package_of(missing)
    install = f"install the Python package {package}, or " if package else ""
    return (
        f"it needs {missing}, which is not found; {install}put the library beside the plugin or "
        "into the project's folder lib"
    )


def opened_libraries(plugin: Path, *, optional: bool = False) -> list[str]:
    """Return the names of the libraries that a plugin opens by itself.

    Args:
        plugin: The library.
        optional: Whether those are listed too that it can do without.
    """
    found = OPENED.finditer(plugin.read_bytes())
    named = (one["name"].decode() for one in found if optional or one["how"] == b"opens")
    return list(dict.fromkeys(named))


def package_of(library: str) -> str | None:
    """Return the name of the Python package that has a library; ``None`` if none is known."""
    return next((name for part, name in OWNERS.items() if library.startswith(part)), None)


def is_found(library: str) -> bool:
    """Tell whether the loader of the system finds a library by its name."""
    command = [sys.executable, "-c", "import ctypes, sys; ctypes.CDLL(sys.argv[1])", library]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _load_opened(plugin: Path, folders: list[Path]) -> None:
    """Load what a plugin will open: those beside it, those of the system, those of packages.

    A library that is not here, or can't be loaded, is no fault yet: the plugin says so when a model
    needs it.
    """
    for name in opened_libraries(plugin, optional=True):
        if not _load_from(folders, name, folders) and not _loads_by_name(name):
            _load_from(_package_folders(), name, folders)


def _load_from(places: Iterable[Path], name: str, folders: list[Path]) -> bool:
    """Load a library of one of these places, and what it needs; return whether there was one."""
    found = _candidates(name, places)
    return any(_load(path, [*folders, path.parent], (name,)) is None for path in found)


def _loads_by_name(library: str) -> bool:
    """Load a library where the loader of the system finds it; return whether it does."""
    try:
        ctypes.CDLL(library, mode=os.RTLD_NOW | os.RTLD_LOCAL)
    except OSError:
        return False
    return True


def _load(library: Path, folders: list[Path], above: tuple[str, ...]) -> str | None:
    """Load a library after those that it needs; return the name of one that is missing.

    Args:
        library: The library.
        folders: Where others are looked for, besides the packages.
        above: The names of those that need this one.
    """
    before = None
    while (missing := _first_missing(library)) is not None:
        path = next(_candidates(missing, [*folders, *_package_folders()]), None)
        # One that is loaded and still missing has another name inside.
        if path is None or missing == before or missing in above:
            return missing
        deeper = _load(path, [*folders, path.parent], (*above, missing))
        if deeper is not None:
            return deeper
        before = missing
    return None


def _first_missing(library: Path) -> str | None:
    """Load a library; return the name of the first one that it needs and that is not found."""
    try:
        ctypes.CDLL(str(library), mode=os.RTLD_NOW | os.RTLD_LOCAL)
    except OSError as error:
        found = MISSING.match(str(error))
        return found["name"] if found else None
    return None


def _candidates(name: str, folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        if (folder / name).is_file():
            yield folder / name
        # Packages have libonnxruntime.so.1.32.0 where libonnxruntime.so.1 is looked for.
        yield from sorted(folder.glob(f"{name}.*"))


def _package_folders() -> Iterator[Path]:
    for package, below in PACKAGES.items():
        # A package inside of one that is not installed is no package.
        with suppress(ValueError, ModuleNotFoundError):
            spec = importlib.util.find_spec(package)
            for location in (spec and spec.submodule_search_locations) or ():
                yield Path(location, below)
