"""Loggers: ``logger`` for the server itself, ``clogger`` for the user's code."""

from __future__ import annotations

import logging
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path

SERVER_LOG_NAME = "grps_server.log"
USER_LOG_NAME = "grps_usr.log"
MONITOR_LOG_NAME = "grps_monitor.log"
USER_FORMAT = (
    "%(asctime)s.%(msecs)03d %(threadName)s %(filename)s:%(lineno)d %(levelname)s] %(message)s"
)

logger = logging.getLogger("grps.server")
clogger = logging.getLogger("grps.user")


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
        """Log to ``filename`` as ``self.logger``.

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
            writer = TimedRotatingFileHandler(
                filename, when=when, backupCount=backup_count, encoding="utf-8"
            )
            writer.setFormatter(logging.Formatter(fmt, datefmt="%Y%m%d %H:%M:%S"))
            self.logger.addHandler(writer)


def get_logger(log_dir: str, log_name: str, backup_count: int = 7) -> logging.Logger:
    """Return a logger of the file ``log_name`` in ``log_dir``, which is made; rotated daily."""
    folder = Path(log_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return TimeRotatingFileLogger(str(folder / log_name), backup_count=backup_count).logger


def start_user_log(folder: Path, backup_count: int, level: str, *, to_stderr: bool = False) -> None:
    """Send ``clogger`` to ``grps_usr.log`` in ``folder``, rotated daily.

    Args:
        folder: Made when it does not exist.
        backup_count: Days that are kept besides today.
        level: ``debug``, ``info``, ``warning`` or ``error``.
        to_stderr: Whether lines also go to standard error.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handler = TimedRotatingFileHandler(
        folder / USER_LOG_NAME, when="midnight", backupCount=backup_count, encoding="utf-8"
    )
    writers: list[logging.Handler] = [handler]
    if to_stderr:
        writers.append(logging.StreamHandler())
    for writer in writers:
        writer.setFormatter(logging.Formatter(USER_FORMAT, datefmt="%Y-%m-%d %H:%M:%S"))
        clogger.addHandler(writer)
    clogger.setLevel(level.upper())
    clogger.propagate = False
