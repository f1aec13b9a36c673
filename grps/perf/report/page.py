"""A load test as one page of HTML, which loads nothing from elsewhere."""

from __future__ import annotations

import math
from html import escape

from grps.perf.load import Closed
from grps.perf.measurement import Distribution, Measurement
from grps.perf.report.document import document, table_of
from grps.perf.report.plots import Axis, Series, bars, lines
from grps.perf.report.records import buckets
from grps.perf.report.session import Session
from grps.perf.report.text import error_lines, milliseconds, table
from grps.perf.report.text import lines as text_lines

_SHARES = (0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.999)
_MARKS = (0, 50, 90, 99, 99.9, 99.99, 99.999)
_MOST_SECONDS = 600
"""Points of a line over time; a longer test shows every second, third … of its seconds."""


def to_page(session: Session) -> str:
    """Return a load test as a page."""
    title = f"Load test of {session.address}"
    sections = "".join(_section(found) for found in session.measurements)
    said = "".join(f"<li>{escape(line)}</li>" for line in text_lines(session))
    about = (
        f"{session.started_at} · {session.protocol} · {session.about} · "
        f"load generator on {session.machine}"
    )
    body = (
        f'{table_of(table(session))}<ul>{said}</ul><div class="plots">{_overview(session)}</div>'
        f"{sections}"
    )
    return document(title, about, body)


def _overview(session: Session) -> str:
    """Return the plots that compare the loads."""
    found = [one for one in session.measurements if one.latency.count]
    plots = [
        lines(
            "Latency by percentile",
            [Series(one.load.name, _percentile_points(one.latency)) for one in found],
            Axis("percentile", _show_nines, tuple(map(_nines, _MARKS[: _deepest(found)]))),
            Axis("latency", milliseconds, is_log=True),
        )
    ]
    if len(found) > 1:
        closed = all(isinstance(one.load, Closed) for one in found)
        across = Axis("open requests" if closed else "requests/s")
        plots.append(
            lines(
                "Latency by load",
                [
                    Series(
                        f"p{share}",
                        [(one.load.level, one.latency.percentile(share)) for one in found],
                    )
                    for share in (50, 90, 99)
                ],
                across,
                Axis("latency", milliseconds, is_log=True),
            )
        )
        plots.append(
            lines(
                "Latency by throughput",
                [Series("p99", [(one.throughput, one.latency.percentile(99)) for one in found])],
                Axis("successful requests/s"),
                Axis("p99 latency", milliseconds, is_log=True),
            )
        )
    return "".join(plots)


def _nines(share: float) -> float:
    """Return where a percentile is on an axis on which each nine takes the same room."""
    return -math.log10(1 - share / 100)


def _show_nines(at: float) -> str:
    return f"{100 * (1 - 10**-at):.6g}"


def _deepest(found: list[Measurement]) -> int:
    """Return how many marks the percentiles of measurements reach."""
    most = max((one.latency.count for one in found), default=1)
    return max(2, sum(1 for share in _MARKS if most * (1 - share / 100) >= 1))


def _percentile_points(values: Distribution) -> list[tuple[float, float]]:
    return [
        (_nines(share), values.percentile(share))
        for share in _SHARES
        if share == 0 or values.count * (1 - share / 100) >= 1
    ]


def _section(found: Measurement) -> str:
    step = max(1, math.ceil(len(found.intervals) / _MOST_SECONDS))
    seconds = list(enumerate(found.intervals))[::step]
    done = [Series("succeeded", [(float(at), float(one.succeeded)) for at, one in seconds])]
    if found.failed:
        done.append(Series("failed", [(float(at), float(one.failed)) for at, one in seconds]))
    slow = [
        Series(
            f"p{share}",
            [
                (float(at), one.latency.percentile(share))
                for at, one in seconds
                if one.latency.count
            ],
        )
        for share in (50, 99)
    ]
    time = Axis("seconds")
    latency = Axis("latency", milliseconds)
    plots = [
        lines("Requests that ended in each second", done, time, Axis("requests/s")),
        lines("Latency in each second", slow, time, latency),
        _histogram("Latencies", found.latency),
    ]
    if found.streaming:
        plots.append(_histogram("Times to the first chunk", found.first))
        plots.append(_histogram("Times between chunks", found.gap))
    errors = "".join(f"<li>{escape(line)}</li>" for line in error_lines(found))
    errors = f"<ul>{errors}</ul>" if errors else ""
    return f'<h2>{escape(found.load.name)}</h2>{errors}<div class="plots">{"".join(plots)}</div>'


def _histogram(title: str, values: Distribution) -> str:
    ratio = 2 ** (1 / 4)
    counts = [(upper / ratio, upper, count) for upper, count in buckets(values)]
    return bars(title, counts, Axis("duration", milliseconds, is_log=True), Axis("count"))
