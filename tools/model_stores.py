"""Fetch models from a real S3 server and a real registry: ``python -m tools.model_stores``.

moto, which speaks S3, is installed into a virtual environment of its own, since it takes 100 MB;
the registry is built by Go. ``make test`` uses servers of its own instead.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tools.programs.own_environment import python_with
from tools.repository import ROOT

PACKAGES = ("moto[server]==5.2.5",)
TEST = "tests/integration/sources/test_real_stores.py"


def main() -> int:
    """Run the test; the exit code is that of pytest."""
    python = python_with(".model_stores", PACKAGES)
    command = [sys.executable, "-m", "pytest", TEST, "-q", "-p", "no:cacheprovider"]
    variables = {**os.environ, "GRPS_MOTO_PYTHON": str(python)}
    return subprocess.run(command, check=False, cwd=ROOT, env=variables).returncode


if __name__ == "__main__":
    sys.exit(main())
