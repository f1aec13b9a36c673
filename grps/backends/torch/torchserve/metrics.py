"""The metrics of a handler, which become series of the service: ``context.metrics``."""

from __future__ import annotations

from typing import Any

from grps.inference.monitor import app_monitor

COUNTER = "counter"


class Metric:
    """One metric, as ``add_metric`` and ``get_metric`` return it."""

    def __init__(self, name: str, kind: object) -> None:
        """Make a metric; a counter is added up, any other is averaged."""
        self.metric_name = name
        self.is_counter = str(getattr(kind, "value", kind)) == COUNTER

    def add_or_update(self, value: float, dimension_values: object = None, **_: object) -> None:
        """Record a value."""
        del dimension_values
        record = app_monitor.inc if self.is_counter else app_monitor.avg
        record(self.metric_name, value)


class Metrics:
    """Records what a handler measures, by the methods of TorchServe.

    Units and dimensions are not kept: a series of the service has a name and values.
    """

    def __init__(self) -> None:
        """Make it without requests."""
        self.request_ids: Any = None

    def add_counter(self, name: str, value: float, *_: object, **__: object) -> None:
        """Add to a sum."""
        app_monitor.inc(name, value)

    def add_time(self, name: str, value: float, *_: object, **__: object) -> None:
        """Record a duration."""
        app_monitor.avg(name, value)

    def add_size(self, name: str, value: float, *_: object, **__: object) -> None:
        """Record a size."""
        app_monitor.avg(name, value)

    def add_percent(self, name: str, value: float, *_: object, **__: object) -> None:
        """Record a share."""
        app_monitor.avg(name, value)

    def add_error(self, name: str, value: object, *_: object, **__: object) -> None:
        """Count an error; what it says is the handler's to log."""
        del value
        app_monitor.inc(name, 1)

    def add_metric(
        self, name: str | None = None, value: float | None = None, *_: object, **more: Any
    ) -> Metric:
        """Record a value of a metric, or make a metric if there is none."""
        key = name or more.get("metric_name") or ""
        metric = Metric(key, more.get("metric_type", COUNTER))
        if isinstance(value, (int, float)):
            metric.add_or_update(value)
        return metric

    def add_metric_to_cache(self, metric_name: str, *_: object, **more: Any) -> Metric:
        """Make a metric."""
        return Metric(metric_name, more.get("metric_type", COUNTER))

    def get_metric(self, metric_name: str, metric_type: object = COUNTER, *_: object) -> Metric:
        """Return a metric."""
        return Metric(metric_name, metric_type)

    def set_request_ids(self, request_ids: object) -> None:
        """Note which requests are measured."""
        self.request_ids = request_ids
