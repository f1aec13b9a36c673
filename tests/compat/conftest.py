"""The project that is written for upstream's C++ edition, packed once for all tests."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import REPOSITORY

CPP_PROJECT = REPOSITORY / "tests" / "compat" / "cpp" / "measures"
BUILD_S = 600


def grpst(home: Path, *args: str | Path) -> str:
    """Run the tool and return what it said."""
    answer = subprocess.run(
        [sys.executable, "-m", "grps.cli.main", *map(str, args)],
        env={**os.environ, "GRPS_HOME": str(home), "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=BUILD_S,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout + answer.stderr


@pytest.fixture(scope="session")
def cpp_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the archive of the project, built and tested as it is."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    archive = shared / "measures.mar"
    with (shared / "measures.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            project = tmp_path_factory.mktemp("sources") / "measures"
            shutil.copytree(CPP_PROJECT, project)
            said = grpst(shared / "home", "archive", project, "--output_path", archive)
            assert "  unit tests: " in said
            assert not (project / "second_party").exists()
    return archive
