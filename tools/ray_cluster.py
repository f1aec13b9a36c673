"""Test replicas in a real cluster of Ray: ``python -m tools.ray_cluster``.

Ray is installed into a virtual environment of its own, since it is large, and the test takes
minutes on a small machine; ``make test`` leaves it out where Ray is not installed.
"""

from __future__ import annotations

import os
import subprocess
import sys

from tools.programs.own_environment import python_with
from tools.repository import ROOT

PACKAGES = ("ray==2.60.0",)
TEST = "tests/integration/cluster/test_ray_cluster.py"


def main() -> int:
    """Run the test; the exit code is that of pytest."""
    python = python_with(".ray_cluster", PACKAGES)
    own = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # The packages of this environment, for the tests, and after them those of the other.
    paths = os.pathsep.join((str(ROOT), own))
    command = [sys.executable, "-m", "pytest", TEST, "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        command, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
