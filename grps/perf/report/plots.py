"""Plots as SVG that is part of a page: colors are classes of the page's style."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 640, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 14, 42
_TICKS = 5
_COLORS = 6

Point = tuple[float, float]
Format = Callable[[float], str]


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a plot, or points.

    Attributes:
        name: What it is called.
        points: At least one to be shown.
        labels: What each point is called; all have the name of the series when empty.
        is_line: Whether the points are joined by a line.
    """

    name: str
    points: Sequence[Point]
    labels: Sequence[str] = ()
    is_line: bool = True


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis.

    Attributes:
        label: What it shows, with the unit.
        show: How a number is written.
        ticks: Where it has marks; by default, round numbers.
        is_log: Whether equal distances are equal ratios.
    """

    label: str
    show: Format = "{:g}".format
    ticks: tuple[float, ...] = ()
    is_log: bool = False


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float
    start: float
    length: float
    is_log: bool

    def at(self, value: float) -> float:
        low, high, value = (
            (math.log(self.low), math.log(self.high), math.log(max(value, self.low)))
            if self.is_log
            else (self.low, self.high, value)
        )
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * self.length


def lines(title: str, series: Sequence[Series], x: Axis, y: Axis) -> str:
    """Return a plot of lines; each point has its values as a tooltip."""
    shown = [one for one in series if one.points]
    if not shown:
        return ""
    points = [point for one in shown for point in one.points]
    across, up = _scales([at for at, _ in points], [value for _, value in points], x, y)
    parts = _axes(across, up, x, y)
    for number, one in enumerate(shown):
        color = f"c{number % _COLORS}"
        places = [(across.at(at), up.at(value)) for at, value in one.points]
        path = " ".join(f"{left:.1f},{top:.1f}" for left, top in places)
        if one.is_line:
            parts.append(f'<polyline class="line {color}" points="{path}"/>')
        labels = one.labels or [one.name] * len(places)
        parts += [
            f'<circle class="dot {color}" cx="{left:.1f}" cy="{top:.1f}" r="3"><title>'
            f"{escape(label)}: {escape(x.show(at))}, {escape(y.show(value))}</title></circle>"
            for (left, top), (at, value), label in zip(places, one.points, labels, strict=True)
        ]
    return _figure(title, parts, [one.name for one in shown] if len(shown) > 1 else [])


def bars(title: str, counts: Sequence[tuple[float, float, int]], x: Axis, y: Axis) -> str:
    """Return a histogram of buckets: lower bound, upper bound and count."""
    if not counts:
        return ""
    edges = [edge for low, high, _ in counts for edge in (low, high)]
    across, up = _scales(edges, [0.0, *(float(count) for *_, count in counts)], x, y)
    parts = _axes(across, up, x, y)
    base = up.at(0.0)
    for low, high, count in counts:
        left, right, top = across.at(low), across.at(high), up.at(count)
        parts.append(
            f'<rect class="bar c0" x="{left:.1f}" y="{top:.1f}" '
            f'width="{max(right - left - 1, 0.5):.1f}" height="{base - top:.1f}"><title>'
            f"{escape(x.show(low))} to {escape(x.show(high))}: {count}</title></rect>"
        )
    return _figure(title, parts, [])


def _scales(xs: Sequence[float], ys: Sequence[float], x: Axis, y: Axis) -> tuple[_Scale, _Scale]:
    x_low, x_high = (min(xs), max(xs)) if not x.ticks else (x.ticks[0], max(*xs, x.ticks[-1]))
    across = _Scale(x_low, x_high, _LEFT, _WIDTH - _LEFT - _RIGHT, x.is_log)
    y_low = min(ys) if y.is_log else 0.0
    y_high = max(ys) * (1.3 if y.is_log else 1.05) or 1.0
    up = _Scale(y_low, y_high, _HEIGHT - _BOTTOM, -(_HEIGHT - _TOP - _BOTTOM), y.is_log)
    return across, up


def _axes(across: _Scale, up: _Scale, x: Axis, y: Axis) -> list[str]:
    parts = []
    for value in y.ticks or ticks(up.low, up.high, up.is_log):
        top = up.at(value)
        ends = f'x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{top:.1f}" y2="{top:.1f}"'
        parts.append(f'<line class="grid" {ends}/>')
        parts.append(_text(_LEFT - 6, top + 4, y.show(value), "end"))
    for value in x.ticks or ticks(across.low, across.high, across.is_log):
        parts.append(_text(across.at(value), _HEIGHT - _BOTTOM + 18, x.show(value), "middle"))
    parts.append(_text((_LEFT + _WIDTH) / 2, _HEIGHT - 6, x.label, "middle"))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(
        f'<text transform="translate(12 {middle:.0f}) rotate(-90)" text-anchor="middle">'
        f"{escape(y.label)}</text>"
    )
    return parts


def _text(left: float, top: float, text: str, anchor: str) -> str:
    return f'<text x="{left:.1f}" y="{top:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def ticks(low: float, high: float, is_log: bool = False) -> list[float]:
    """Return round numbers between two numbers: powers of ten, or multiples of 1, 2 or 5."""
    if is_log and high > low * 10:
        powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        return [10.0**power for power in powers]
    if high <= low:
        return [low]
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough)
    first = math.ceil(low / step)
    return [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]


def _figure(title: str, parts: Sequence[str], names: Sequence[str]) -> str:
    legend = "".join(
        f'<span class="key c{number % _COLORS}">{escape(name)}</span>'
        for number, name in enumerate(names)
    )
    legend = f'<p class="legend">{legend}</p>' if legend else ""
    return (
        f"<figure><figcaption>{escape(title)}</figcaption>{legend}"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg></figure>"
    )
