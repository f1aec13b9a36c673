"""Runs a load by the native load generator."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from grps.perf.errors import PerfError
from grps.perf.load import Closed, Limits, Load, Window
from grps.perf.measurement import Measurement, read_measurement
from grps.perf.requests.prepared import Prepared
from grps.perf.target import Target
from grps.server.native import LoadRun

POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load is; the warm-up counts in ``begun`` and ``open`` only.

    Attributes:
        elapsed_s: Seconds since the first request.
        begun: Requests that were sent.
        open: Requests that are open.
        succeeded: Successes.
        failed: Failures.
        not_sent: Requests that were not sent.
        chunks: Chunks of streams.
        p50_ms: The median of latencies so far.
        p99_ms: Their 99th percentile.
    """

    elapsed_s: float
    begun: int
    open: int
    succeeded: int
    failed: int
    not_sent: int
    chunks: int
    p50_ms: float
    p99_ms: float


def measure(
    target: Target,
    prepared: Prepared,
    load: Load,
    window: Window = Window(),  # noqa: B008 - it can't be changed
    limits: Limits = Limits(),  # noqa: B008
    on_progress: Callable[[Progress], None] | None = None,
) -> Measurement:
    """Send requests under a load and return what was measured.

    Args:
        target: The server.
        prepared: The requests.
        load: When they are sent.
        window: For how long.
        limits: What the test may use.
        on_progress: Called a few times a second.

    Returns:
        The measurement. After Ctrl-C, it is what was measured until then.

    Raises:
        PerfError: The load can't be run.
    """
    run = _start(target, prepared, load, window, limits)
    is_stopped = False
    try:
        while not run.wait(POLL_S):
            if on_progress is not None:
                on_progress(read_progress(run.progress()))
    except KeyboardInterrupt:
        is_stopped = True
        run.stop()
        run.wait(_LAST_WAIT_S)
    try:
        report = json.loads(run.report())
    except OSError as error:
        raise PerfError(str(error)) from error
    return read_measurement(
        report, load, streaming=prepared.streaming, items=prepared.items, is_stopped=is_stopped
    )


_LAST_WAIT_S = 10.0


def probe(target: Target, prepared: Prepared, limits: Limits = Limits()) -> Measurement:  # noqa: B008
    """Send the first request once, so that a load of failures does not begin.

    Raises:
        PerfError: It failed; the text says how.
    """
    found = measure(target, prepared, Closed(1), Window(0.0, None, 1), limits)
    if found.errors:
        (error,) = found.errors
        text = f": {error.text}" if error.text else ""
        raise PerfError(f"{target.address}: the first request failed: {error.status}{text}")
    return found


def _start(
    target: Target, prepared: Prepared, load: Load, window: Window, limits: Limits
) -> LoadRun:
    plan, bodies = make_plan(target, prepared, load, window, limits)
    try:
        return LoadRun(json.dumps(plan), bodies)
    except ValueError as error:
        raise PerfError(str(error)) from error


def make_plan(
    target: Target, prepared: Prepared, load: Load, window: Window, limits: Limits
) -> tuple[dict[str, Any], list[bytes]]:
    """Return what the load generator reads, and the bodies of the requests."""
    concurrency = load.concurrency if isinstance(load, Closed) else limits.threads
    requests = [
        {"method": one.method, "path": one.path, "headers": one.headers, "body": number}
        for number, one in enumerate(prepared.requests)
    ]
    plan = {
        "target": {
            "host": target.host,
            "port": target.port,
            "tls": {"ca_pem": target.authorities()} if target.tls else None,
        },
        "protocol": prepared.wire,
        "requests": requests,
        "streaming": prepared.streaming,
        "grps_status": prepared.grps_status,
        "counts_tokens": prepared.counts_tokens,
        "load": load.to_plan(),
        "window": {
            "warmup_s": window.warmup_s,
            "duration_s": window.duration_s,
            "count": window.count,
        },
        "limits": {
            "timeout_s": limits.timeout_s,
            "max_open": limits.max_open,
            "connections": limits.connections,
            "max_response_bytes": limits.max_response_bytes,
        },
        "threads": max(1, min(limits.threads, concurrency)),
    }
    return plan, [one.body for one in prepared.requests]


def read_progress(text: str) -> Progress:
    """Read the progress that the load generator returns."""
    found = json.loads(text)
    p50_ms, p99_ms = found.pop("p50_ns") / 1e6, found.pop("p99_ns") / 1e6
    return Progress(**found, p50_ms=p50_ms, p99_ms=p99_ms)
