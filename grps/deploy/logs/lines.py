"""Choosing lines of the logs: by level, request and time, in text and in JSON."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

LEVELS = ("debug", "info", "warning", "error")

_TIME = re.compile(r'^(?:\{.*?"timestamp":\s*")?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})')
_LEVEL = re.compile(r"\b(TRACE|DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL)\b")
_RANKS = {"TRACE": 0, "DEBUG": 0, "INFO": 1, "WARN": 2, "WARNING": 2, "ERROR": 3, "CRITICAL": 3}
_AGO = re.compile(r"^(\d+)([smhd])\Z")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%H:%M:%S", "%H:%M")


def read_moment(text: str, now: datetime) -> datetime:
    """Return the moment that a text stands for.

    Args:
        text: How long ago, such as ``10m``, ``2h`` or ``1d``, or a local time such as
            ``2030-01-31 14:05``, ``14:05`` (today) or ``2030-01-31``.
        now: The present.

    Raises:
        ValueError: It is neither.
    """
    ago = _AGO.match(text)
    if ago is not None:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    for form in _FORMATS:
        try:
            moment = datetime.strptime(text.replace("T", " "), form)
        except ValueError:
            continue
        return moment if "%Y" in form else datetime.combine(now.date(), moment.time())
    raise ValueError(f"{text!r} is neither a time such as '14:05' nor an age such as '10m'")


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Which records to show; all by default."""

    level: str = "debug"
    """The lowest level, one of ``LEVELS``."""
    request_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def everything(self) -> bool:
        """Whether no record is left out."""
        return self == LineFilter()

    def accepts(self, line: str, at: datetime) -> bool:
        """Return whether the filter accepts a record, by its first line and its time."""
        if (self.since and at < self.since) or (self.until and at > self.until):
            return False
        found = _LEVEL.search(line)
        rank = _RANKS[found[1]] if found is not None else _RANKS["ERROR"]
        if rank < LEVELS.index(self.level):
            return False
        return self.request_id is None or _mentions(line, self.request_id)


def _mentions(line: str, request_id: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(request_id)}(?![\w-])", line) is not None


def choose(lines: Iterable[str], line_filter: LineFilter) -> Iterator[str]:
    """Yield the lines of the records that the filter accepts, tracebacks included."""
    kept = line_filter.everything
    for line in lines:
        begins = _TIME.match(line)
        if begins is not None:
            at = datetime.strptime(begins[1], "%Y-%m-%d %H:%M:%S.%f")
            kept = line_filter.accepts(line, at)
        if kept:
            yield line


def last_lines(path: Path, count: int, line_filter: LineFilter) -> list[str]:
    """Return the last lines that the filter accepts, from a log and its earlier days."""
    earlier = sorted(path.parent.glob(f"{path.name}.[0-9]*"))
    lines = (line for one in [*earlier, path] for line in _read(one))
    return list(deque(choose(lines, line_filter), maxlen=count))


def _read(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            yield from stream
    except FileNotFoundError:
        return


def whole_lines(pieces: Iterable[str]) -> Iterator[str]:
    """Put pieces of text together to lines; the last one may lack its end."""
    rest = ""
    for piece in pieces:
        *lines, rest = (rest + piece).split("\n")
        yield from (f"{line}\n" for line in lines)
    if rest:
        yield rest
