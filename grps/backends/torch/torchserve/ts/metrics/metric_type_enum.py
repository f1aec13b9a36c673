"""Kinds of metrics."""

from __future__ import annotations

from enum import Enum


class MetricTypes(Enum):
    """Kinds of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
