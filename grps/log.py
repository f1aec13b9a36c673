"""Loggers: ``logger`` for the server itself, ``clogger`` for the user's code."""

from __future__ import annotations

import json
import logging
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast, get_args

SERVER_LOG_NAME = "grps_server.log"
USER_LOG_NAME = "grps_usr.log"
MONITOR_LOG_NAME = "grps_monitor.log"
USER_FORMAT = (
    "%(asctime)s.%(msecs)03d %(threadName)s %(filename)s:%(lineno)d %(levelname)s] %(message)s"
)
SERVICE_USER_FORMAT = USER_FORMAT.replace("%(levelname)s]", "%(levelname)s]%(of_request)s")

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""What breaks a line, controls a terminal, or changes the direction of the text."""
_CONTINUATION = "\n    "
"""What the further lines of a record start with; no record starts with a space."""

logger = logging.getLogger("grps.server")
clogger = logging.getLogger("grps.user")
printed = logging.getLogger("grps.printed")
"""What user code prints to the standard streams; it is found in both logs."""

MOST_CHARS = 64 * 1024
"""Most characters of a record that are given to the log, which keeps fewer bytes of it; the middle
of a longer one is left out."""

RequestSource = Callable[[], str | None]
"""Returns which request a thread works on: its identifier, and how many are in a batch with it."""

coroutine_request: ContextVar[str | None] = ContextVar("coroutine_request", default=None)
"""The request that a coroutine works on: many of them share a thread."""

_sources: list[RequestSource] = []

STDERR_VARIABLE = "GRPS_LOG_STDERR"
"""Sends logs to standard error only, as containers have them."""
StderrFormat = Literal["json", "text"]


def stderr_format() -> StderrFormat | None:
    """Return the format of logs that go to standard error only; ``None`` when they are files.

    Raises:
        ValueError: The variable has another value.
    """
    value = os.environ.get(STDERR_VARIABLE, "")
    if not value:
        return None
    if value in get_args(StderrFormat):
        return cast("StderrFormat", value)
    raise ValueError(f"{STDERR_VARIABLE} is {value!r}; use json or text, or leave it unset")


def json_line(level: str, message: str) -> str:
    """Return a line with the keys of the server's own log, for what is said before it starts."""
    line = {
        "timestamp": datetime.now().isoformat(" ", "milliseconds"),
        "level": level,
        "message": message,
        "target": "grpst",
    }
    return json.dumps(line)


def use_request_source(source: RequestSource) -> None:
    """Use ``source`` to find the request that log lines of a thread belong to."""
    _sources[:] = [source]


def request_of(record: logging.LogRecord) -> str | None:
    """Return the request that a record belongs to.

    A record that a worker process has sent says so itself; others belong to what runs here.
    """
    sent: str | None = getattr(record, "request_id", None)
    found = sent or coroutine_request.get()
    return found or (_sources[0]() if _sources else None)


@dataclass(slots=True)
class LogLevel:
    """Which log lines are written; operators may change it while the service runs."""

    name: str
    """``debug``, ``info``, ``warning`` or ``error``."""


def clean(text: str, most_chars: int | None = None) -> str:
    """Return a text that can be encoded, without its middle if it is too long.

    Args:
        text: May hold halves of surrogate pairs, which are written as escapes.
        most_chars: Longest text; ``None`` for no limit.
    """
    if most_chars is not None and len(text) > most_chars:
        half = most_chars // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]} [… {left_out} characters are left out …] {text[-half:]}"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


class GuardedHandler(logging.Handler, ABC):
    """A handler that never raises: what logs a failure must not fail."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, or a line about why it can't be written."""
        try:
            text = self.format(record)
        except Exception as error:
            text = f"a log line can't be written: {type(error).__name__} while it was formatted"
        with suppress(Exception):
            self.write(record, clean(text))

    @abstractmethod
    def write(self, record: logging.LogRecord, text: str) -> None:
        """Write the formatted text of a record."""


class RequestFilter(logging.Filter):
    """Adds the request to records, so that formats can show it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add ``of_request``: empty outside of requests."""
        request = request_of(record)
        record.of_request = f" id={request}" if request else ""
        return True


def safe_record(text: str) -> str:
    """Return the text of a record that can't forge another record or control a terminal.

    Its further lines are indented; control characters are escaped.
    """
    return _UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character == "\n":
        return _CONTINUATION
    if character == "\t":
        return character
    return character.encode("unicode_escape").decode("ascii")


class SafeFormatter(logging.Formatter):
    """Writes records as :func:`safe_record`: their text may come from clients."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        return safe_record(super().format(record))


class JsonFormatter(logging.Formatter):
    """Writes a record as one line of JSON, with the keys of the server's own log."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "timestamp": datetime.fromtimestamp(record.created).isoformat(" ", "milliseconds"),
            "level": "WARN" if record.levelname == "WARNING" else record.levelname,
            "message": record.getMessage(),
            "target": "user",
            "thread": record.threadName,
            "file": f"{record.filename}:{record.lineno}",
        }
        request = request_of(record)
        if request:
            line["id"] = request
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # JSON escapes line breaks itself, but not all control characters.
        text = json.dumps(line, ensure_ascii=False)
        return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
