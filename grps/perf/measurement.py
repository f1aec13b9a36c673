"""What was measured under one load."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grps.perf.load import Load

NANOS_PER_MS = 1e6
MICROS_PER_MS = 1e3


@dataclass(frozen=True, slots=True)
class Distribution:
    """Durations in milliseconds.

    Attributes:
        count: How many.
        mean: Their mean.
        deviation: Their standard deviation.
        min: The shortest.
        max: The longest.
        counts: Durations with how often each was measured, ascending.
    """

    count: int = 0
    mean: float = 0.0
    deviation: float = 0.0
    min: float = 0.0
    max: float = 0.0
    counts: tuple[tuple[float, int], ...] = field(default=(), repr=False)

    def percentile(self, share: float, failures: int = 0) -> float:
        """Return the duration that a share of all does not exceed.

        Args:
            share: From 0 to 100.
            failures: How many more took for ever, such as failed requests.
        """
        wanted = math.ceil((self.count + failures) * share / 100)
        if self.count == 0 and failures == 0:
            return math.nan
        seen = 0
        for value, count in self.counts:
            seen += count
            if seen >= max(wanted, 1):
                return min(value, self.max)
        return math.inf if failures else self.max


def read_distribution(values: Mapping[str, Any], per_ms: float = NANOS_PER_MS) -> Distribution:
    """Read a distribution of the load generator."""
    counts = tuple((value / per_ms, int(count)) for value, count in values["counts"])
    return Distribution(
        count=int(values["count"]),
        mean=values["mean"] / per_ms,
        deviation=values["deviation"] / per_ms,
        min=values["min"] / per_ms if counts else 0.0,
        max=values["max"] / per_ms,
        counts=counts,
    )


@dataclass(frozen=True, slots=True)
class ErrorCount:
    """Failures of one kind."""

    status: str
    count: int
    text: str
    """What the first of them said."""


@dataclass(frozen=True, slots=True)
class Interval:
    """What ended in one second."""

    succeeded: int
    failed: int
    chunks: int
    latency: Distribution


@dataclass(frozen=True, slots=True)
class Ended:
    """What ended in a time.

    Attributes:
        seconds: The time in which requests were sent, without the warm-up; if a number of requests
            limits it, until the last has ended.
        succeeded: Successes, also of requests that were sent in the warm-up.
        chunks: Chunks of the requests that ended.
        tokens: Their tokens.
    """

    seconds: float
    succeeded: int
    chunks: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured under one load.

    Attributes:
        load: The load.
        streaming: Whether responses were streams.
        items: Items of a request, such as the rows of its batch.
        elapsed_s: From the end of the warm-up to the end of the last request.
        wall_s: The whole time.
        window: Requests that ended while requests were sent, which throughput is computed of.
        succeeded: Requests that succeeded.
        failed: Requests that failed.
        not_sent: Requests that were not sent, as too many were open.
        unfinished: Requests that were open when the test was stopped.
        connections: Connections that were opened.
        response_bytes: Bytes of the bodies of responses.
        chunks: Chunks of streams.
        tokens: Tokens that the server counted.
        latency: Latencies of successes; in an open loop from the time at which the request was to
            be sent.
        failed_latency: The same of failures.
        first: Times to the first chunk.
        gap: Times between chunks.
        lateness: How much later than intended requests were sent.
        cpu_s: CPU seconds of the load generator.
        cpu_share: Share of the time in which its busiest thread ran.
        requests_per_cpu_s: Requests that a second of its CPU time sends and reads.
        threads: Its threads.
        errors: Failures by kind, the most frequent first.
        intervals: Seconds since the end of the warm-up.
        is_stopped: Whether it was stopped before its end.
    """

    load: Load
    streaming: bool
    items: int
    elapsed_s: float
    wall_s: float
    window: Ended
    succeeded: int
    failed: int
    not_sent: int
    unfinished: int
    connections: int
    response_bytes: int
    chunks: int
    tokens: int
    latency: Distribution
    failed_latency: Distribution
    first: Distribution
    gap: Distribution
    lateness: Distribution
    cpu_s: float
    cpu_share: float
    requests_per_cpu_s: float
    threads: int
    errors: tuple[ErrorCount, ...]
    intervals: tuple[Interval, ...]
    is_stopped: bool = False

    @property
    def throughput(self) -> float:
        """Successes per second."""
        return self._per_second(self.window.succeeded)

    @property
    def chunks_per_s(self) -> float:
        """Chunks per second, of all streams."""
        return self._per_second(self.window.chunks)

    @property
    def tokens_per_s(self) -> float:
        """Tokens per second, of all streams."""
        return self._per_second(self.window.tokens)

    @property
    def total(self) -> int:
        """Requests that succeeded, failed or were not sent."""
        return self.succeeded + self.failed + self.not_sent

    @property
    def error_share(self) -> float:
        """Share of requests that failed or were not sent, from 0 to 1."""
        return (self.failed + self.not_sent) / self.total if self.total else 0.0

    @property
    def ceiling(self) -> float:
        """Requests per second that the generator could send with its threads all the time."""
        return self.requests_per_cpu_s * self.threads

    def _per_second(self, count: int) -> float:
        return count / self.window.seconds if self.window.seconds > 0 else 0.0


def read_measurement(
    report: Mapping[str, Any], load: Load, *, streaming: bool, items: int, is_stopped: bool
) -> Measurement:
    """Read the report of the load generator."""
    cpu_s, wall_s = report["cpu_s"], report["wall_s"]
    errors = [ErrorCount(one["status"], one["count"], one["text"]) for one in report["errors"]]
    return Measurement(
        load=load,
        streaming=streaming,
        items=items,
        is_stopped=is_stopped,
        window=Ended(**report["window"]),
        **{name: report[name] for name in _SAME},
        latency=read_distribution(report["latency"]),
        failed_latency=read_distribution(report["failed_latency"]),
        first=read_distribution(report["first"]),
        gap=read_distribution(report["gap"]),
        lateness=read_distribution(report["lateness"]),
        cpu_share=min(report["busiest_cpu_s"] / wall_s, 1.0) if wall_s > 0 else 0.0,
        requests_per_cpu_s=report["begun"] / cpu_s if cpu_s > 0 else 0.0,
        errors=tuple(sorted(errors, key=lambda one: -one.count)),
        intervals=_intervals(report["intervals"]),
    )


_SAME = (
    *("elapsed_s", "wall_s", "cpu_s", "threads", "succeeded", "failed", "not_sent"),
    *("unfinished", "connections", "response_bytes", "chunks", "tokens"),
)


def _intervals(reports: Sequence[Mapping[str, Any]]) -> tuple[Interval, ...]:
    return tuple(
        Interval(one["succeeded"], one["failed"], one["chunks"], _of_counts(one["counts"]))
        for one in reports
    )


def _of_counts(counts: Sequence[tuple[int, int]]) -> Distribution:
    if not counts:
        return Distribution()
    pairs = tuple((value / MICROS_PER_MS, count) for value, count in counts)
    total = sum(count for _, count in pairs)
    mean = sum(value * count for value, count in pairs) / total
    return Distribution(total, mean, 0.0, pairs[0][0], pairs[-1][0], pairs)
