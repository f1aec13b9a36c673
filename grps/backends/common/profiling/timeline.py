"""Spans of time on threads, as profilers record them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

What = TypeVar("What")


@dataclass(frozen=True, slots=True)
class Span(Generic[What]):
    """Something that took time; times have any unit and any zero, the same for all."""

    start: float
    end: float
    thread: int
    what: What


def self_times(spans: Sequence[Span[What]]) -> list[tuple[Span[What], float]]:
    """Return each span with its time without the spans inside it on the same thread."""
    order = sorted(range(len(spans)), key=lambda at: (spans[at].start, -spans[at].end))
    own = [span.end - span.start for span in spans]
    open_spans: dict[int, list[int]] = {}
    for at in order:
        span = spans[at]
        around = open_spans.setdefault(span.thread, [])
        while around and spans[around[-1]].end <= span.start:
            around.pop()
        if around:
            outer = spans[around[-1]]
            own[around[-1]] -= min(span.end, outer.end) - span.start
        around.append(at)
    return [(span, max(0.0, time)) for span, time in zip(spans, own, strict=True)]


def outermost(spans: Sequence[Span[What]]) -> list[Span[What]]:
    """Return the spans that are inside no other one of their thread, by their start."""
    found: list[Span[What]] = []
    ends: dict[int, float] = {}
    for span in sorted(spans, key=lambda one: (one.start, -one.end)):
        if span.start >= ends.get(span.thread, float("-inf")):
            found.append(span)
            ends[span.thread] = span.end
    return found


def covered(spans: Iterable[Span[What]]) -> float:
    """Return the time in which there is at least one span, on whichever thread."""
    total, reached = 0.0, float("-inf")
    for span in sorted(spans, key=lambda one: one.start):
        if span.end > reached:
            total += span.end - max(span.start, reached)
            reached = span.end
    return total


def within(spans: Iterable[Span[What]], start: float, end: float) -> list[Span[What]]:
    """Return the spans that begin from ``start`` on and before ``end``."""
    return [span for span in spans if start <= span.start < end]
