"""Each example that ``grpst example`` writes runs, by the commands that it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.integration.projects.conftest import Grpst, state_of

ANSWERS = {
    "app": '"flat_float32":[2.0,4.0]',
    "image": '"flat_string":["red"]',
    "text": r"\"mood\": \"happy\", \"good\": 1, \"bad\": 0",
    "stream": '"str_data":"three "',
    "batch": '"flat_int64":["0"]',
    "graph": '"flat_int64":["1"]',
}
"""What the printed request gets, in part."""


def run(command: str, folder: Path, port: int) -> str:
    """Run a command that is printed, against the port of the service."""
    given = command.replace("127.0.0.1:7080", f"127.0.0.1:{port}").replace("curl ", "curl -sS ")
    answer = subprocess.run(
        ["bash", "-c", given], cwd=folder, check=True, capture_output=True, text=True
    )
    return answer.stdout


def started(grpst: Grpst, printed: str) -> int:
    """Run the command that the example prints, on free ports; return the first."""
    found = re.search(r"^run +grpst (.*)$", printed, re.MULTILINE)
    assert found is not None, printed
    grpst(*found[1].split(), "--host", "127.0.0.1", "--port", "0,0", "--no_logging")
    return state_of("my_grps").ports[0]


@pytest.mark.parametrize("name", ANSWERS)
def test_it_runs(name: str, grpst: Grpst, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), (200, 30, 10)).save(tmp_path / "photo.jpg")
    printed = grpst("example", name)
    port = started(grpst, printed)
    asked = re.search(r"^then +(.*)$", printed, re.MULTILINE)
    assert asked is not None, printed
    assert ANSWERS[name] in run(asked[1], tmp_path, port)
    if name == "app":
        shown = grpst("example", "client")
        command = re.search(r"^run +python (.*)$", shown, re.MULTILINE)
        assert command is not None
        arguments = [sys.executable, command[1], f"127.0.0.1:{port}"]
        called = subprocess.run(arguments, cwd=tmp_path, check=True, capture_output=True, text=True)
        assert called.stdout == "[[2. 4.]]\n"
