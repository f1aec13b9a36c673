"""The few figures of a service that lists of services show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec


class Figures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Requests of the latest minute, and what the process uses."""

    at: float
    """Unix time."""
    started: float
    succeeded: int
    failed: int
    seconds: int
    """Length of the latest minute: less of a service that is younger."""
    p50_ms: float
    p90_ms: float
    p99_ms: float
    in_flight: int
    cpu_s: float
    """Processor time since the start."""
    memory_bytes: int

    @property
    def rate(self) -> float:
        """Requests per second that ended."""
        return (self.succeeded + self.failed) / max(1, self.seconds)

    def processors(self, before: Figures | None) -> float | None:
        """Return the processors that were used since an earlier look; ``None`` without one."""
        if before is None or before.started != self.started or self.at <= before.at:
            return None
        return (self.cpu_s - before.cpu_s) / (self.at - before.at)


def read_figures(live: Mapping[str, Any]) -> Figures:
    """Read the figures out of what a service answers at ``monitor/live``."""
    minutes = [route["minute"] for route in live["routes"]]
    state, process, requests = live["service"], live["process"], live["requests"]
    return Figures(
        at=live["time"],
        started=state["started"],
        succeeded=sum(minute["succeeded"] for minute in minutes),
        failed=sum(minute["failed"] for minute in minutes),
        seconds=max((minute["seconds"] for minute in minutes), default=0),
        p50_ms=requests["p50_ms"],
        p90_ms=requests["p90_ms"],
        p99_ms=requests["p99_ms"],
        # The request that asks is one of those that run.
        in_flight=max(0, state["in_flight"] - 1),
        cpu_s=process["cpu_s"],
        memory_bytes=process["memory_bytes"],
    )
