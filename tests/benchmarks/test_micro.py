"""The micro-benchmarks in Python run; what they measure is not looked at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_they_run() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "--benchmark-disable", "benchmarks/micro"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
