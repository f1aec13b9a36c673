"""Service level objectives: limits that a measurement meets or misses."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from grps.perf.errors import PerfError
from grps.perf.measurement import Distribution, Measurement

_TIME = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s)")
_NUMBER = re.compile(r"(\d+(?:\.\d+)?)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)%")
_METRIC = re.compile(r"(?:(ttft|itl)_)?(p\d{1,2}(?:\.\d{1,3})?|mean|max)")
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Objective:
    """One limit.

    Attributes:
        metric: ``p99`` or another percentile, ``mean`` or ``max`` of the latency, the same with
            ``ttft_`` or ``itl_`` before it, ``errors`` or ``rate``.
        limit: Milliseconds, a share from 0 to 1, or requests per second.
        text: As it was written.
    """

    metric: str
    limit: float
    text: str

    def value(self, found: Measurement) -> float:
        """Return what was measured, in the unit of the limit.

        A request that failed or was not sent counts as one that took for ever.
        """
        if self.metric == "errors":
            return found.error_share if found.total else 1.0
        if self.metric == "rate":
            return found.throughput
        match = _METRIC.fullmatch(self.metric)
        kind, what = (match[1], match[2]) if match else (None, "max")
        values = {"ttft": found.first, "itl": found.gap}.get(kind or "", found.latency)
        failures = 0 if kind == "itl" else found.failed + found.not_sent
        return _value(values, what, failures)

    def is_met(self, found: Measurement) -> bool:
        """Whether a measurement meets it."""
        value = self.value(found)
        return value >= self.limit if self.metric == "rate" else value <= self.limit


def _value(values: Distribution, what: str, failures: int) -> float:
    if what.startswith("p"):
        value = values.percentile(float(what[1:]), failures)
    elif failures or not values.count:
        return math.inf
    else:
        value = values.mean if what == "mean" else values.max
    return math.inf if math.isnan(value) else value


def read_objectives(texts: tuple[str, ...]) -> tuple[Objective, ...]:
    """Read objectives such as ``p99=20ms``, several of them with commas between.

    Raises:
        PerfError: One is not understood.
    """
    parts = [part.strip() for text in texts for part in text.split(",")]
    return tuple(_read(part) for part in parts if part)


def _read(text: str) -> Objective:
    metric, _, value = text.partition("=")
    if metric == "errors" and (match := _SHARE.fullmatch(value)):
        return Objective(metric, float(match[1]) / 100, text)
    if metric == "rate" and (match := _NUMBER.fullmatch(value)):
        return Objective(metric, float(match[1]), text)
    if _METRIC.fullmatch(metric) and (match := _TIME.fullmatch(value)):
        return Objective(metric, float(match[1]) * _MS[match[2]], text)
    raise PerfError(
        f"--slo {text!r}: use p99=20ms (any percentile, mean or max; ttft_p99 and itl_p99 for "
        "streams; us, ms or s), errors=1% or rate=100"
    )
