"""A load test as text: a table with a row for each load, and what has to be known of it."""

from __future__ import annotations

import math

from grps.perf.load import Closed
from grps.perf.measurement import Distribution, Measurement
from grps.perf.report.session import Session
from grps.perf.verdict import notes_of

_MS_PER_S = 1000
_FOUR_DIGITS = 1000
"""The least number that has them."""
_SHOWN_ERRORS = 5
_HEAD = ("LOAD", "REQ/S", "OK", "FAILED", "P50", "P90", "P95", "P99", "P99.9", "MAX")
_PERCENTILES = (50, 90, 95, 99, 99.9)


def table(session: Session) -> list[tuple[str, ...]]:
    """Return the rows of a table, its head first."""
    head = list(_HEAD)
    if session.streaming:
        head += ["TTFT P50", "TTFT P99", "ITL P50", "ITL P99", _unit(session)]
    if session.objectives:
        head.append("SLO")
    return [tuple(head), *(_row(session, found) for found in session.measurements)]


def _counts_tokens(session: Session) -> bool:
    return any(found.tokens for found in session.measurements)


def _unit(session: Session) -> str:
    return "TOKENS/S" if _counts_tokens(session) else "CHUNKS/S"


def _stream_rate(session: Session, found: Measurement) -> float:
    return found.tokens_per_s if _counts_tokens(session) else found.chunks_per_s


def _row(session: Session, found: Measurement) -> tuple[str, ...]:
    row = [
        found.load.name,
        f"{found.throughput:.1f}",
        str(found.succeeded),
        str(found.failed + found.not_sent),
        *(milliseconds(found.latency.percentile(share)) for share in _PERCENTILES),
        milliseconds(found.latency.max if found.latency.count else math.nan),
    ]
    if session.streaming:
        row += [*_two(found.first), *_two(found.gap), f"{_stream_rate(session, found):.1f}"]
    if session.objectives:
        row.append("met" if session.meets(found) else "missed")
    return tuple(row)


def _two(values: Distribution) -> tuple[str, str]:
    return milliseconds(values.percentile(50)), milliseconds(values.percentile(99))


def milliseconds(value: float) -> str:
    """Return a duration for a reader: with three digits, in a unit that fits."""
    if math.isnan(value):
        return "-"
    if math.isinf(value):
        return "never"
    if value >= _MS_PER_S:
        return (
            f"{value / _MS_PER_S:.3g} s"
            if value < 100 * _MS_PER_S
            else f"{value / _MS_PER_S:.0f} s"
        )
    return f"{value:.3g} ms" if value >= 1 else f"{value * 1000:.0f} us"


def rate_text(rate: float) -> str:
    """Return a rate in four digits, or in all those before the point, without an exponent."""
    return f"{rate:.4g}" if rate < _FOUR_DIGITS else f"{rate:.0f}"


def lines(session: Session) -> list[str]:
    """Return what is said below the table: failures, the generator, and objectives."""
    several = len(session.measurements) > 1
    said = []
    for found in session.measurements:
        before = f"{found.load.name}: " if several else ""
        said += [f"{before}{line}" for line in (*error_lines(found), *notes_of(found))]
    said += [f"generator: {_generator(found, several)}" for found in session.measurements]
    return said + objective_lines(session)


def error_lines(found: Measurement) -> list[str]:
    """Return the failures with what the first of each kind said."""
    shown = [
        f"{one.count} failed: {one.status}{f': {one.text}' if one.text else ''}"
        for one in found.errors[:_SHOWN_ERRORS]
    ]
    left = len(found.errors) - _SHOWN_ERRORS
    return [*shown, f"{left} other kinds of failures"] if left > 0 else shown


def _generator(found: Measurement, several: bool) -> str:
    before = f"{found.load.name}: " if several else ""
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    late = found.lateness
    said = (
        f"{before}{threads}, {found.cpu_share:.0%} of a CPU, ceiling about {found.ceiling:.0f} "
        f"requests/s; connections: {found.connections}"
    )
    if isinstance(found.load, Closed):
        return said
    p50, p99 = (milliseconds(late.percentile(share)) for share in (50, 99))
    return f"{said}; sent late by {p50} (p50), {p99} (p99)"


def objective_lines(session: Session) -> list[str]:
    """Return how the objectives are met."""
    if not session.objectives:
        return []
    said = []
    for found in session.measurements:
        for objective in session.objectives:
            if not objective.is_met(found):
                value = shown_value(objective.metric, objective.value(found))
                said.append(f"SLO missed at {found.load.name}: {objective.text}, measured {value}")
    if len(session.measurements) > 1:
        best = session.best
        said.append(
            "SLO met at no load"
            if best is None
            else f"most within the SLO: {best.throughput:.1f} requests/s at {best.load.name}"
        )
    elif not said:
        said.append("SLO met")
    return said


def shown_value(metric: str, value: float) -> str:
    """Return the value of an objective with its unit."""
    if metric == "errors":
        return f"{value:.3%}"
    return f"{value:.1f} requests/s" if metric == "rate" else milliseconds(value)
