"""Metrics of user code."""

from grps.inference.monitor import AggTimeUnit, AggType, Monitor, app_monitor

__all__ = ["AggTimeUnit", "AggType", "Monitor", "app_monitor"]
