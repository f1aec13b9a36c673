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
