"""Loggers of the server and of user code."""

from grps.log import clogger, logger
from grps.server.log_files import TimeRotatingFileLogger, get_logger

__all__ = ["TimeRotatingFileLogger", "clogger", "get_logger", "logger"]
