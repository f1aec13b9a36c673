"""Log files that several processes write."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from grps.server.log_files import LogFileHandler, TimeRotatingFileLogger, get_logger

WRITER = """
import logging, sys, time
from grps.server.log_files import LogFileHandler

handler = LogFileHandler(sys.argv[1], "S", 100)
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


def write_as_of(path: Path, text: str, moment: datetime) -> None:
    path.write_text(text)
    os.utime(path, (moment.timestamp(), moment.timestamp()))


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, "", 0, text, (), None)


def test_old_files_are_thrown_away(tmp_path: Path) -> None:
    log = tmp_path / "short.log"
    for number in range(5):
        # What is kept is told apart by the second that it began in.
        write_as_of(log, f"{number}\n", datetime(2030, 1, 1, 0, 0, number))
        handler = LogFileHandler(log, "S", 2)
        handler.emit(record("last"))
        handler.close()
    kept = {path.name: path.read_text() for path in tmp_path.iterdir() if path.suffix != ".lock"}
    assert kept == {
        "short.log": "last\n",
        "short.log.2030-01-01_00-00-03": "3\n",
        "short.log.2030-01-01_00-00-04": "4\n",
    }


def test_yesterdays_lines_get_its_date(tmp_path: Path) -> None:
    yesterday = datetime.now() - timedelta(days=1)
    write_as_of(tmp_path / "daily.log", "old\n", yesterday)
    get_logger(str(tmp_path), "daily.log").info("new")
    assert (tmp_path / "daily.log").read_text().endswith("new\n")
    assert (tmp_path / f"daily.log.{yesterday:%Y-%m-%d}").read_text() == "old\n"


def test_text_that_utf_8_lacks_is_escaped(tmp_path: Path) -> None:
    handler = LogFileHandler(tmp_path / "odd.log", "D", None)
    handler.emit(record("\udcff ü"))
    assert (tmp_path / "odd.log").read_text("utf-8") == "\\udcff ü\n"


def test_unknown_units_of_time(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='"W9" is no unit of time'):
        TimeRotatingFileLogger(str(tmp_path / "x.log"), when="W9")


def test_a_file_that_is_gone_is_made_again(tmp_path: Path) -> None:
    log = get_logger(str(tmp_path), "mine.log")
    log.info("first")
    os.remove(tmp_path / "mine.log")
    log.info("second")
    assert (tmp_path / "mine.log").read_text().endswith("second\n")
