"""Loggers: ``logger`` for the server itself, ``clogger`` for the user's code."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path
from typing import Any

SERVER_LOG_NAME = "grps_server.log"
USER_LOG_NAME = "grps_usr.log"
MONITOR_LOG_NAME = "grps_monitor.log"
USER_FORMAT = (
    "%(asctime)s.%(msecs)03d %(threadName)s %(filename)s:%(lineno)d %(levelname)s] %(message)s"
)
SERVICE_USER_FORMAT = USER_FORMAT.replace("%(levelname)s]", "%(levelname)s]%(of_request)s")

logger = logging.getLogger("grps.server")
clogger = logging.getLogger("grps.user")

RequestSource = Callable[[], str | None]
"""Returns which request a thread works on: its identifier, and how many are in a batch with it."""

coroutine_request: ContextVar[str | None] = ContextVar("coroutine_request", default=None)
"""The request that a coroutine works on: many of them share a thread."""

_sources: list[RequestSource] = []


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


class RequestFilter(logging.Filter):
    """Adds the request to records, so that formats can show it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Add ``of_request``: empty outside of requests."""
        request = request_of(record)
        record.of_request = f" id={request}" if request else ""
        return True


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
        return json.dumps(line, ensure_ascii=False)


class SharedRotatingHandler(TimedRotatingFileHandler):
    """Rotates a file that several processes may write: one renames it, the others follow."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, into the new file if another process has begun one."""
        if self._is_renamed():
            self._reopen()
        super().emit(record)

    def doRollover(self) -> None:
        """Rotate, unless another process has done so."""
        with open(f"{self.baseFilename}.lock", "a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if self._is_renamed():
                self._reopen()
            elif self._rotated().exists():
                # Another process has made it; what came since goes with the next one.
                self._wait_for_next()
            else:
                super().doRollover()

    def _rotated(self) -> Path:
        """Return what the file is about to be called."""
        ended = time.localtime(self.rolloverAt - self.interval)
        return Path(
            self.rotation_filename(f"{self.baseFilename}.{time.strftime(self.suffix, ended)}")
        )

    def _wait_for_next(self) -> None:
        self.rolloverAt = self.computeRollover(int(time.time()))

    def _is_renamed(self) -> bool:
        if self.stream is None:
            return False
        mine = os.fstat(self.stream.fileno())
        try:
            current = os.stat(self.baseFilename)
        except FileNotFoundError:
            return True
        return (mine.st_dev, mine.st_ino) != (current.st_dev, current.st_ino)

    def _reopen(self) -> None:
        if self.stream is not None:
            self.stream.close()
        self.stream = self._open()
        self._wait_for_next()


class TimeRotatingFileLogger:
    """A logger of its own file, rotated by time, as user code of upstream makes it."""

    def __init__(
        self,
        filename: str,
        level: str = "info",
        when: str = "D",
        backup_count: int = 14,
        fmt: str = USER_FORMAT,
    ) -> None:
        """Log to ``filename`` as ``self.logger``; several processes may.

        Args:
            filename: The file, also the logger's name; a second object of it adds no second writer.
            level: ``debug``, ``info``, ``warning``, ``error`` or ``crit``.
            when: The unit of time after which the file is rotated, as the standard library's.
            backup_count: Rotated files that are kept.
            fmt: Format of a line.

        Raises:
            ValueError: The level is unknown.
        """
        self.logger = logging.getLogger(filename)
        self.logger.setLevel("CRITICAL" if level == "crit" else level.upper())
        self.logger.propagate = False
        if not self.logger.handlers:
            writer = SharedRotatingHandler(
                filename, when=when, backupCount=backup_count, encoding="utf-8"
            )
            writer.setFormatter(logging.Formatter(fmt, datefmt="%Y%m%d %H:%M:%S"))
            self.logger.addHandler(writer)


def get_logger(log_dir: str, log_name: str, backup_count: int = 7) -> logging.Logger:
    """Return a logger of the file ``log_name`` in ``log_dir``, which is made; rotated daily."""
    folder = Path(log_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return TimeRotatingFileLogger(str(folder / log_name), backup_count=backup_count).logger


def start_user_log(
    folder: Path, backup_count: int, level: str, *, to_stderr: bool = False, as_json: bool = False
) -> None:
    """Send ``clogger`` to ``grps_usr.log`` in ``folder``, rotated daily.

    Args:
        folder: Made when it does not exist.
        backup_count: Days that are kept besides today.
        level: ``debug``, ``info``, ``warning`` or ``error``.
        to_stderr: Whether lines also go to standard error.
        as_json: Whether each line is a JSON object.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handler = SharedRotatingHandler(
        folder / USER_LOG_NAME, when="midnight", backupCount=backup_count, encoding="utf-8"
    )
    writers: list[logging.Handler] = [handler]
    if to_stderr:
        writers.append(logging.StreamHandler())
    text = logging.Formatter(SERVICE_USER_FORMAT, datefmt="%Y-%m-%d %H:%M:%S")
    for writer in writers:
        writer.addFilter(RequestFilter())
        writer.setFormatter(JsonFormatter() if as_json else text)
        clogger.addHandler(writer)
    clogger.setLevel(level.upper())
    clogger.propagate = False
