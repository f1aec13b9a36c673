"""Metrics of user code."""

from grps.inference.monitor import Monitor, app_monitor

__all__ = ["Monitor", "app_monitor"]
