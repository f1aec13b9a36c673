"""Choosing lines of logs."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from grps.deploy.logs.lines import LineFilter, choose, last_lines, read_moment, whole_lines

NOW = datetime(2030, 1, 31, 14, 5)
TEXT = """\
2030-01-31 14:00:00.000  INFO python: ready: listening logger="grps.server"
2030-01-31 14:01:00.000 ERROR python: m-1 failed on request a1
Traceback (most recent call last):
ValueError: INFO is in this text logger="grps.server" id="a1"
2030-01-31 14:02:00.000  WARN grps_server::http: predict failed id="a12" peer=127.0.0.1:1
2030-01-31 14:03:00.000 m#0.0 code.py:3 INFO] id=a1 from user code
{"timestamp":"2030-01-31 14:04:00.000","level":"ERROR","message":"as JSON","id":"a1"}
""".splitlines(keepends=True)


def numbers(line_filter: LineFilter) -> list[int]:
    """The places of the lines that are chosen."""
    return [TEXT.index(line) for line in choose(TEXT, line_filter)]


def test_all_are_wanted_by_default() -> None:
    assert LineFilter().everything
    assert numbers(LineFilter()) == list(range(7))
    assert list(choose(["no time\n"], LineFilter())) == ["no time\n"]


@pytest.mark.parametrize(
    ("line_filter", "expected"),
    [
        (LineFilter("info"), [0, 1, 2, 3, 4, 5, 6]),
        (LineFilter("warning"), [1, 2, 3, 4, 6]),
        (LineFilter("error"), [1, 2, 3, 6]),
        (LineFilter(request_id="a1"), [1, 2, 3, 5, 6]),
        (LineFilter(request_id="a12"), [4]),
        (LineFilter(request_id="a"), []),
        (LineFilter("error", "a1"), [1, 2, 3, 6]),
        (LineFilter(since=datetime(2030, 1, 31, 14, 2)), [4, 5, 6]),
        (LineFilter(until=datetime(2030, 1, 31, 14, 1)), [0, 1, 2, 3]),
        (LineFilter(since=datetime(2030, 1, 31, 15)), []),
    ],
)
def test_records_are_chosen_with_their_tracebacks(
    line_filter: LineFilter, expected: list[int]
) -> None:
    assert numbers(line_filter) == expected


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("10m", NOW - timedelta(minutes=10)),
        ("1d", NOW - timedelta(days=1)),
        ("0s", NOW),
        ("13:05", datetime(2030, 1, 31, 13, 5)),
        ("13:05:09", datetime(2030, 1, 31, 13, 5, 9)),
        ("2030-01-30", datetime(2030, 1, 30)),
        ("2030-01-30 23:59", datetime(2030, 1, 30, 23, 59)),
        ("2030-01-30T23:59:58", datetime(2030, 1, 30, 23, 59, 58)),
    ],
)
def test_moments(text: str, moment: datetime) -> None:
    assert read_moment(text, NOW) == moment


@pytest.mark.parametrize("text", ["", "10", "m", "10y", "-5m", "25:00", "2030-02-30", "now"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="neither a time"):
        read_moment(text, NOW)


def test_earlier_days_are_looked_through(tmp_path: Path) -> None:
    log = tmp_path / "grps_server.log"
    log.write_text("".join(TEXT[4:]))
    (tmp_path / "grps_server.log.2030-01-30").write_text("".join(TEXT[:4]))
    (tmp_path / "grps_server.log.lock").write_text("")
    assert last_lines(log, 100, LineFilter("error")) == [*TEXT[1:4], TEXT[6]]
    assert last_lines(log, 1, LineFilter("error")) == [TEXT[6]]
    assert last_lines(tmp_path / "none.log", 5, LineFilter("error")) == []


def test_pieces_become_lines() -> None:
    assert list(whole_lines(["a", "b\nc", "\n", "d"])) == ["ab\n", "c\n", "d"]
