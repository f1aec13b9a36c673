"""Log files that several processes write."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

from grps.log import SharedRotatingHandler, get_logger

WRITER = """
import logging, sys, time
from grps.log import SharedRotatingHandler

handler = SharedRotatingHandler(sys.argv[1], when="S", backupCount=100)
for number in range(150):
    record = logging.LogRecord("x", logging.INFO, "", 0, f"{sys.argv[2]}-{number}", (), None)
    handler.emit(record)
    time.sleep(0.02)
handler.close()
"""


def test_no_line_is_lost_when_processes_rotate_one_file(tmp_path: Path) -> None:
    log = tmp_path / "shared.log"
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(log), str(number)])
        for number in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    files = [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
    assert len(files) > 2
    lines = [line for path in files for line in path.read_text().splitlines()]
    expected = {f"{writer}-{number}" for writer in range(3) for number in range(150)}
    assert sorted(lines) == sorted(expected)


def test_old_files_are_thrown_away(tmp_path: Path) -> None:
    log = tmp_path / "short.log"
    handler = SharedRotatingHandler(log, when="S", backupCount=2)
    for number in range(5):
        handler.emit(logging.LogRecord("x", logging.INFO, "", 0, str(number), (), None))
        handler.rolloverAt = int(time.time()) - 1 - number
        # What is kept is told apart by the second that it ended in.
        rotated = tmp_path / f"short.log.2030-01-01_00-00-0{number}"
        handler.rotation_filename = lambda _, rotated=rotated: str(rotated)  # type: ignore[method-assign, misc]
    handler.close()
    kept = [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"]
    assert len(kept) == 3


def test_a_file_that_is_gone_is_made_again(tmp_path: Path) -> None:
    log = get_logger(str(tmp_path), "mine.log")
    log.info("first")
    os.remove(tmp_path / "mine.log")
    log.info("second")
    assert (tmp_path / "mine.log").read_text().endswith("second\n")
