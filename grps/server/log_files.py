"""Log files of Python's loggers, written and rotated natively."""

from __future__ import annotations

import logging
from pathlib import Path

from grps.log import (
    SERVICE_USER_FORMAT,
    USER_FORMAT,
    USER_LOG_NAME,
    GuardedHandler,
    JsonFormatter,
    RequestFilter,
    SafeFormatter,
    clogger,
    printed,
)
from grps.server.native import LogFile


class LogFileHandler(GuardedHandler):
    """Writes records to a file that is rotated by time; several processes may write the same."""

    def __init__(self, path: str | Path, when: str, backup_count: int | None) -> None:
        """Open the file.

        Args:
            path: The file; made with its folder when it does not exist.
            when: The unit of time at whose end it is rotated, named as in the standard library.
            backup_count: Rotated files that are kept; all when ``None``.

        Raises:
            ValueError: The unit is unknown.
            OSError: The file can't be opened.
        """
        super().__init__()
        # A later change of the process's folder does not move the file.
        self._file = LogFile(Path(path).absolute(), when, backup_count)

    def write(self, record: logging.LogRecord, text: str) -> None:
        """Write one record."""
        del record
        self._file.write_lines(f"{text}\n".encode())


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
            when: The unit of time at whose end, by the local clock, the file is rotated: ``S``,
                ``M``, ``H``, ``D`` or ``midnight``, or ``W0`` (Monday) to ``W6``.
            backup_count: Rotated files that are kept; 0 keeps all.
            fmt: Format of a line.

        Raises:
            ValueError: The level or the unit is unknown.
            OSError: The file can't be opened.
        """
        self.logger = logging.getLogger(filename)
        self.logger.setLevel("CRITICAL" if level == "crit" else level.upper())
        self.logger.propagate = False
        if not self.logger.handlers:
            writer = LogFileHandler(filename, when, backup_count or None)
            writer.setFormatter(SafeFormatter(fmt, datefmt="%Y%m%d %H:%M:%S"))
            self.logger.addHandler(writer)


def get_logger(log_dir: str, log_name: str, backup_count: int = 7) -> logging.Logger:
    """Return a logger of the file ``log_name`` in ``log_dir``, which is made; rotated daily."""
    return TimeRotatingFileLogger(str(Path(log_dir) / log_name), backup_count=backup_count).logger


def start_user_log(
    folder: Path | None,
    backup_count: int,
    level: str,
    *,
    to_stderr: bool = False,
    as_json: bool = False,
) -> None:
    """Send ``clogger``, and what is printed, to ``grps_usr.log`` in ``folder``, rotated daily.

    Args:
        folder: Made when it does not exist. Without one, lines go to standard error only.
        backup_count: Days that are kept besides today.
        level: ``debug``, ``info``, ``warning`` or ``error``.
        to_stderr: Whether lines of ``clogger`` also go to standard error.
        as_json: Whether each line is a JSON object.
    """
    writers: list[logging.Handler] = []
    if folder is not None:
        file = LogFileHandler(folder / USER_LOG_NAME, "midnight", backup_count)
        # What is printed is on a standard stream already.
        printed.addHandler(file)
        writers.append(file)
    if to_stderr or folder is None:
        writers.append(logging.StreamHandler())
    text = SafeFormatter(SERVICE_USER_FORMAT, datefmt="%Y-%m-%d %H:%M:%S")
    for writer in writers:
        writer.addFilter(RequestFilter())
        writer.setFormatter(JsonFormatter() if as_json else text)
        clogger.addHandler(writer)
    clogger.setLevel(level.upper())
    clogger.propagate = False
