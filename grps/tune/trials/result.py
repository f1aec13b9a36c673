"""What a trial has found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trial:
    """One load on one service.

    Attributes:
        name: What was tried: ``default``, or the settings in words.
        rate: Requests per second that were sent.
        seconds: For how long.
        latency_ms: The percentile of the goal; infinite if too many failed.
        p50_ms: The median.
        throughput: Successes per second.
        cpu_ms: CPU time of the service for each request.
        holds: Whether the limit held.
        others: Processors that others used meanwhile.
        why: Why it does not hold, where it is not the percentile; empty otherwise.
    """

    name: str
    rate: float
    seconds: float
    latency_ms: float
    p50_ms: float
    throughput: float
    cpu_ms: float
    holds: bool
    others: float
    why: str = ""
