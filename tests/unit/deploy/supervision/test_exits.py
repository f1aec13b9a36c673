"""How processes end, recorded and in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grps.deploy.supervision.exits import describe_exit, exit_code_of, recorded_exit, recording


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("raise SystemExit(0)", "exited with code 0"),
        ("raise SystemExit(3)", "exited with code 3"),
        ("import os; os.kill(os.getpid(), 15)", "was ended by signal SIGTERM"),
        (
            "import os; os.kill(os.getpid(), 9)",
            "was ended by signal SIGKILL (often: out of memory)",
        ),
    ],
)
def test_an_exit_is_recorded(tmp_path: Path, code: str, text: str) -> None:
    file = tmp_path / "exit code"
    assert recorded_exit(file) is None
    command = recording([sys.executable, "-c", code], file)
    ran = subprocess.run(command, check=False, capture_output=True)
    assert recorded_exit(file) == text == describe_exit(exit_code_of(ran.returncode))


def test_what_is_no_exit_code(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert recorded_exit(tmp_path / "file") is None


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "exited with code 0"),
        (-9, "was ended by signal SIGKILL (often: out of memory)"),
        (-250, "was ended by signal 250"),
        (None, "failed to start"),
    ],
)
def test_describe_exit(code: int | None, text: str) -> None:
    assert describe_exit(code) == text
