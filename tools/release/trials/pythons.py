"""The versions of CPython of this machine, and environments with a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.release.commands import run
from tools.release.plan import PYTHONS

ASK = "import sys; print(sys.implementation.name, *sys.version_info[:2])"


def installed_pythons() -> dict[str, Path]:
    """Return those of the versions in ``PYTHONS`` that this machine has, by version."""
    found = {}
    for version in PYTHONS:
        for program in _candidates(version):
            if _is_cpython(program, version):
                found[version] = program
                break
    return found


def _candidates(version: str) -> Iterator[Path]:
    on_path = shutil.which(f"python{version}")
    if on_path is not None:
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))


def _is_cpython(program: Path, version: str) -> bool:
    # A shim is there for versions that are not.
    said = subprocess.run([program, "-c", ASK], capture_output=True, text=True, check=False)
    return said.returncode == 0 and said.stdout.split() == ["cpython", *version.split(".")]


def clean_environment(**more: str) -> dict[str, str]:
    """Return the variables of this process without what leads Python to other packages."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "GRPS_")) and name != "VIRTUAL_ENV"
    }
    return {**kept, **more}


def install(python: Path, wheel: Path, folder: Path, lock: Path | None) -> Path:
    """Make an environment with a wheel and ONNX Runtime; return the folder of its programs.

    Args:
        python: The Python of the environment.
        wheel: The wheel.
        folder: The environment, which is made anew.
        lock: Versions of packages; the newest that fit when ``None``.
    """
    shutil.rmtree(folder, ignore_errors=True)
    run([python, "-m", "venv", folder], folder.parent, clean_environment())
    programs = folder / "bin"
    pinned = ["--constraint", str(lock)] if lock else []
    pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", *pinned]
    run([*pip, f"{wheel}[onnx]"], folder, clean_environment())
    return programs
