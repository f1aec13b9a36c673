"""What limits a measurement: the load generator, its limits, or too few requests."""

from __future__ import annotations

from grps.perf.load import Closed, Constant, Poisson
from grps.perf.measurement import Measurement

_BUSY_SHARE = 0.9
"""Share of a CPU at which the generator may be the limit."""
_LATE_MS = 1.0
_LATE_SHARE = 0.1
"""Lateness that counts: longer than a millisecond, and than a share of the median latency."""
_KEPT_SHARE = 0.95
_FEW = 100
"""Requests below which a 99th percentile is the maximum."""


def is_generator_limited(found: Measurement) -> bool:
    """Whether the load generator, and not the server, may have been the limit."""
    return found.cpu_share >= _BUSY_SHARE or _is_late(found) or found.not_sent > 0


def _is_late(found: Measurement) -> bool:
    if isinstance(found.load, Closed) or found.lateness.count == 0:
        return False
    allowed = max(_LATE_MS, _LATE_SHARE * found.latency.percentile(50))
    return found.lateness.percentile(99) > allowed


def notes_of(found: Measurement) -> list[str]:
    """Return what a reader of the measurement has to know, a line each."""
    notes = []
    if found.is_stopped:
        notes.append(f"stopped before the end; {found.unfinished} open requests are not counted")
    if found.cpu_share >= _BUSY_SHARE:
        notes.append(
            f"the load generator was the limit: a thread used {found.cpu_share:.0%} of a CPU, and "
            f"all together can send about {found.ceiling:.0f} requests/s; add --threads, or run it "
            "on another machine"
        )
    if _is_late(found):
        notes.append(
            f"requests were sent late (p99 {found.lateness.percentile(99):.2f} ms), which is part "
            "of their latency: this machine is too busy; use a lower rate, --threads, or another "
            "machine"
        )
    if found.not_sent:
        notes.append(
            f"{found.not_sent} requests were not sent in time, as --max_open requests were open: "
            "percentiles leave them out"
        )
    notes += _kept(found)
    if 0 < found.latency.count < _FEW:
        notes.append(f"{found.latency.count} requests are too few for a 99th percentile")
    return notes


def _kept(found: Measurement) -> list[str]:
    if not isinstance(found.load, (Constant, Poisson)) or found.is_stopped:
        return []
    if found.throughput >= _KEPT_SHARE * found.load.rate or found.total < _FEW:
        return []
    done, rate = found.throughput, found.load.rate
    return [f"the server did not keep up: {done:.1f} of {rate:g} requests/s succeeded"]
