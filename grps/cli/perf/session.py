"""Runs the loads of ``grpst perf`` one after another, with their progress."""

from __future__ import annotations

import os
import platform
import resource
from collections.abc import Sequence
from datetime import datetime, timezone

from grps.cli.output.progress import ProgressLine
from grps.perf import Limits, Load, Measurement, Prepared, Progress, Target, Window, measure
from grps.perf.report.text import milliseconds

_OTHER_FILES = 256
"""Descriptors besides connections."""


def run_loads(
    target: Target, prepared: Prepared, loads: Sequence[Load], window: Window, limits: Limits
) -> list[Measurement]:
    """Return a measurement for each load; after Ctrl-C, for those that have begun."""
    allow_connections(limits)
    found: list[Measurement] = []
    for number, load in enumerate(loads, start=1):
        place = f" ({number} of {len(loads)})" if len(loads) > 1 else ""
        with ProgressLine(f"{target.address}: {load.name}{place}") as line:
            shower = _Shower(line, window) if line.is_live else None
            found.append(measure(target, prepared, load, window, limits, shower))
        if found[-1].is_stopped:
            break
    return found


def allow_connections(limits: Limits) -> None:
    """Let this process have a descriptor for each open request, as far as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = limits.max_open + _OTHER_FILES
    wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class _Shower:
    """Shows progress on a terminal."""

    def __init__(self, line: ProgressLine, window: Window) -> None:
        self._line = line
        self._window = window

    def __call__(self, progress: Progress) -> None:
        warm_up = self._window.warmup_s
        if progress.elapsed_s < warm_up:
            self._line.show("warm-up", f"{progress.open} open", progress.elapsed_s)
            return
        rate = progress.succeeded / max(progress.elapsed_s - warm_up, 1e-3)
        bad = progress.failed + progress.not_sent
        failed = f", {bad} failed" if bad else ""
        detail = (
            f"{rate:.1f} requests/s{failed}, {progress.open} open, "
            f"p50 {milliseconds(progress.p50_ms)}, p99 {milliseconds(progress.p99_ms)}"
        )
        self._line.show("", detail, progress.elapsed_s)


def machine() -> str:
    """Return what the machine of the load generator is, in a few words."""
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"


def now() -> str:
    """Return the time in ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
