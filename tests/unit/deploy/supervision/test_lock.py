"""The lock of a service, between processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grps.deploy.supervision.lock import hold
from grps.errors import DeployError
from tests.support import REPOSITORY

HOLDER = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from grps.deploy.supervision.lock import hold\n"
    "with hold('demo'):\n"
    "    print('held', flush=True)\n"
    "    input()\n"
)


def test_another_process_is_named(grps_home: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(REPOSITORY)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(DeployError, match=rf"started or stopped by pid {process.pid} \("):
            hold("demo").__enter__()
        with hold("other"):
            pass
        process.kill()
        process.wait()
        with hold("demo"):
            pass


def test_freed_after_an_error(grps_home: Path) -> None:
    with pytest.raises(ValueError, match="boom"), hold("demo"):
        raise ValueError("boom")
    with hold("demo"):
        pass
