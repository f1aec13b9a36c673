"""Loggers of the server and of user code."""

from grps.log import clogger, logger

__all__ = ["clogger", "logger"]
