"""Measurements for tests of what is made of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from grps.perf import Closed, Distribution, Ended, ErrorCount, Interval, Measurement

NOTHING = Distribution()


def spread(*milliseconds: float) -> Distribution:
    """A distribution of single values."""
    values = sorted(milliseconds)
    mean = sum(values) / len(values)
    counts = tuple((value, 1) for value in values)
    return Distribution(len(values), mean, 0.0, values[0], values[-1], counts)


GOOD = Measurement(
    load=Closed(4),
    streaming=False,
    items=1,
    elapsed_s=2.0,
    wall_s=3.0,
    window=Ended(2.0, 200, 0, 0),
    succeeded=200,
    failed=0,
    not_sent=0,
    unfinished=0,
    connections=4,
    response_bytes=1000,
    chunks=0,
    tokens=0,
    latency=spread(*(float(number) for number in range(1, 201))),
    failed_latency=NOTHING,
    first=NOTHING,
    gap=NOTHING,
    lateness=spread(*([0.01] * 200)),
    cpu_s=0.1,
    cpu_share=0.05,
    requests_per_cpu_s=2000.0,
    threads=1,
    errors=(),
    intervals=(Interval(100, 0, 0, spread(1.0, 2.0)), Interval(100, 0, 0, NOTHING)),
)


def measured(**changes: Any) -> Measurement:
    """The good measurement with other values."""
    return replace(GOOD, **changes)


def failing() -> Measurement:
    """A measurement with failures, whose texts could break a page."""
    errors = (ErrorCount("HTTP 503", 9, "queue <full> & closed"), ErrorCount("timeout", 1, ""))
    return measured(failed=10, errors=errors)
