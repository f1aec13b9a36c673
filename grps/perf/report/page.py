"""A load test as one page of HTML, which loads nothing from elsewhere."""

from __future__ import annotations

import math
from html import escape

from grps.perf.load import Closed
from grps.perf.measurement import Distribution, Measurement
from grps.perf.report.plots import Axis, Series, bars, lines
from grps.perf.report.records import buckets
from grps.perf.report.session import Session
from grps.perf.report.text import error_lines, milliseconds, table
from grps.perf.report.text import lines as text_lines

_SHARES = (0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99, 99.999)
_MARKS = (0, 50, 90, 99, 99.9, 99.99, 99.999)
_MOST_SECONDS = 600
"""Points of a line over time; a longer test shows every second, third … of its seconds."""

_STYLE = """
:root{color-scheme:light dark;--back:#fff;--text:#1c2127;--soft:#5b6570;--grid:#dde2e7;
--c0:#0b6bcb;--c1:#c4521b;--c2:#1a7f37;--c3:#8250df;--c4:#a60f55;--c5:#7a6400}
@media(prefers-color-scheme:dark){:root{--back:#14181d;--text:#e4e8ec;--soft:#97a1ab;
--grid:#2c333b;--c0:#58a6ff;--c1:#ff9357;--c2:#56d364;--c3:#bc8cff;--c4:#ff7eb6;--c5:#e3c341}}
body{margin:2rem auto;max-width:88rem;padding:0 1rem;background:var(--back);color:var(--text);
font:15px/1.5 system-ui,sans-serif}h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:2rem}
.soft,figcaption,.legend{color:var(--soft)}.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;white-space:nowrap}
th,td{padding:.3rem .8rem;border-bottom:1px solid var(--grid);text-align:right}
th:first-child,td:first-child{text-align:left}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:1rem}
figure{margin:0}svg{width:100%;height:auto}svg text{fill:var(--soft);font-size:12px}
.grid{stroke:var(--grid)}.line{fill:none;stroke-width:2}.legend{margin:.2rem 0}
.key{margin-right:1rem}.key::before{content:"";display:inline-block;width:.7rem;height:.7rem;
margin-right:.35rem;background:currentColor}
""" + "".join(
    f".line.c{n}{{stroke:var(--c{n})}}.dot.c{n},.bar.c{n}{{fill:var(--c{n})}}"
    f".key.c{n}::before{{color:var(--c{n})}}"
    for n in range(6)
)


def to_page(session: Session) -> str:
    """Return a load test as a page."""
    title = f"Load test of {session.address}"
    sections = "".join(_section(found) for found in session.measurements)
    said = "".join(f"<li>{escape(line)}</li>" for line in text_lines(session))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1>"
        f'<p class="soft">{escape(session.started_at)} · {escape(session.protocol)} · '
        f"{escape(session.about)} · load generator on {escape(session.machine)}</p>"
        f'{_table(session)}<ul>{said}</ul><div class="plots">{_overview(session)}</div>'
        f"{sections}</body></html>\n"
    )


def _table(session: Session) -> str:
    head, *rows = table(session)
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows
    )
    content = f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table>{content}</table></div>'


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
