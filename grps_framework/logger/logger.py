"""Loggers of the server and of user code."""

from grps.log import TimeRotatingFileLogger, clogger, get_logger, logger

__all__ = ["TimeRotatingFileLogger", "clogger", "get_logger", "logger"]
