"""A profile as one page of HTML, which loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from grps.perf.report.document import document, table_of
from grps.perf.report.plots import Axis, Series, lines
from grps.perf.report.text import milliseconds
from grps.profile.curves import Curve, quantile
from grps.profile.report import flame
from grps.profile.report.text import (
    batch_rows,
    function_rows,
    head_lines,
    notes,
    operator_rows,
    seconds,
    shapes,
    thread_rows,
    user_lines,
    user_notes,
)
from grps.profile.result import Profile, kinds_of, standing
from grps.profile.user_code import UserProfile

_MS_PER_S = 1000
_GIGA = 1e9
_MOST_OPERATORS = 200
_MOST_FUNCTIONS = 100
_MOST_DOTS = 100
_WIDTH, _BAR_ROW, _NAMES = 640, 22, 190
_MOST_BARS = 12


def to_page(profile: Profile | UserProfile, about: str) -> str:
    """Return a profile as a page.

    Args:
        profile: The profile.
        about: When and where it was made.
    """
    if isinstance(profile, UserProfile):
        return _user_page(profile, about)
    plots = "".join((_kinds(profile), _roofline(profile), *_curves(profile)))
    operators = table_of(operator_rows(profile, _MOST_OPERATORS), words=3)
    body = (
        f'{_facts(head_lines(profile))}{_list(notes(profile))}<div class="plots">{plots}</div>'
        f"<h2>Operators</h2>{operators}{_tables(profile)}"
    )
    return document(f"Profile of {profile.model}", about, body)


def _user_page(profile: UserProfile, about: str) -> str:
    graph = flame.flame_graph(profile.samples.seconds, profile.is_own)
    body = (
        f"<style>{flame.STYLE}</style>{_facts(user_lines(profile))}{_list(user_notes(profile))}"
        f"{graph}<h2>Functions</h2>{table_of(function_rows(profile, _MOST_FUNCTIONS), words=2)}"
        f"<script>{flame.SCRIPT}</script>"
    )
    return document(f"Profile of {profile.model}", about, body)


def _facts(rows: Sequence[tuple[str, str]]) -> str:
    cells = "".join(
        f'<tr><td class="soft word">{escape(name)}</td>'
        f'<td class="word" style="white-space:normal">{escape(value)}</td></tr>'
        for name, value in rows
    )
    return f"<table>{cells}</table>"


def _list(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def _kinds(profile: Profile) -> str:
    """Return the time by kind of operator as bars."""
    kinds = list(kinds_of(profile.recording.operators).items())
    shown = kinds[:_MOST_BARS]
    rest = sum(time for _, time in kinds[_MOST_BARS:])
    shown += [(f"{len(kinds) - _MOST_BARS} other kinds", rest)] if rest else []
    bars = [(name, time, "c0") for name, time in shown]
    bars += [(name, time, "c1") for name, time in profile.outside()]
    longest = max((time for _, time, _ in bars), default=0.0) or 1.0
    room = _WIDTH - _NAMES - 130
    parts = []
    for number, (name, time, color) in enumerate(bars):
        top, width = number * _BAR_ROW, max(0.5, time / longest * room)
        value = f"{seconds(profile.per_run(time))}, {profile.share(time):.1%}"
        parts.append(
            f'<text x="{_NAMES - 8}" y="{top + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect class="bar {color}" x="{_NAMES}" y="{top + 3}" width="{width:.1f}" '
            f'height="{_BAR_ROW - 6}"/>'
            f'<text x="{_NAMES + width + 6:.1f}" y="{top + 15}">{escape(value)}</text>'
        )
    title = "Time of a run by kind of operator"
    return (
        f"<figure><figcaption>{title}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {max(1, len(bars)) * _BAR_ROW}" role="img" '
        f'aria-label="{title}">{"".join(parts)}</svg></figure>'
    )


def _roofline(profile: Profile) -> str:
    """Return the operators below the roof of the machine."""
    roof = profile.roof
    if roof is None:
        return ""
    dots: list[tuple[float, float]] = []
    labels = []
    for one in profile.operators():
        place = standing(one, roof)
        if place.intensity and place.flops_per_s and len(dots) < _MOST_DOTS:
            dots.append((place.intensity, place.flops_per_s))
            share = f"{profile.share(one.seconds):.1%} of the time"
            labels.append(f"{one.kind} {one.name} {shapes(one)} ({share})")
    if not dots:
        return ""
    ridge = roof.flops_per_s / roof.bytes_per_s
    low = min(ridge, *(at for at, _ in dots)) / 2
    high = max(ridge, *(at for at, _ in dots)) * 2
    line = [(low, low * roof.bytes_per_s), (ridge, roof.flops_per_s), (high, roof.flops_per_s)]
    return lines(
        "Operators below the roof of this machine",
        [
            Series(f"most of {roof.threads} threads", line),
            Series("operators", dots, labels, is_line=False),
        ],
        Axis("operations for each byte", "{:.3g}".format, is_log=True),
        Axis("GFLOP/s", lambda value: f"{value / _GIGA:.3g}", is_log=True),
    )


def _curves(profile: Profile) -> list[str]:
    plots = []
    for measured, title, axis in (
        (profile.batches, "Latency by rows", "rows"),
        (profile.thread_counts, "Latency by threads of a run", "threads"),
    ):
        curve = measured.curve
        if curve is None or len(curve.points) <= 1:
            continue
        plots.append(
            lines(title, _latencies(curve), _sizes(curve, axis), Axis("latency", milliseconds))
        )
        if curve is profile.batches.curve:
            rates = [(float(one.size), one.size / one.p50_s) for one in curve.points]
            plots.append(
                lines("Throughput by rows", [Series("rows/s", rates)], _sizes(curve, axis),
                      Axis("rows/s"))
            )  # fmt: skip
    return plots


def _latencies(curve: Curve) -> list[Series]:
    return [
        Series(
            f"p{share}",
            [
                (float(one.size), quantile(one.durations_s, share / 100) * _MS_PER_S)
                for one in curve.points
            ],
        )
        for share in (50, 90)
    ]


def _sizes(curve: Curve, label: str) -> Axis:
    marks = tuple(float(one.size) for one in curve.points)
    return Axis(label, "{:g}".format, marks, is_log=True)


def _tables(profile: Profile) -> str:
    parts = []
    if profile.batches.curve is not None:
        parts.append(f"<h2>Latency by rows</h2>{table_of(batch_rows(profile.batches.curve))}")
    if profile.thread_counts.curve is not None:
        table = table_of(thread_rows(profile.thread_counts.curve))
        parts.append(f"<h2>Latency by threads of a run</h2>{table}")
    if profile.machine is not None:
        rows = [("THREADS", "GFLOP/S", "GB/S")]
        rows += [
            (str(one.threads), f"{one.flops_per_s / _GIGA:.3g}", f"{one.bytes_per_s / _GIGA:.3g}")
            for one in profile.machine.roofs
        ]
        parts.append(f"<h2>This machine</h2>{table_of(rows)}")
    return "".join(parts)
