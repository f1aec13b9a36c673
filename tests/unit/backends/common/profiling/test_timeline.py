"""Spans of time on threads."""

from __future__ import annotations

from grps.backends.common.profiling.timeline import Span, covered, outermost, self_times, within


def span(start: float, end: float, what: str, thread: int = 1) -> Span[str]:
    return Span(start, end, thread, what)


NESTED = [
    span(2, 4, "inner"),
    span(0, 10, "outer"),
    span(5, 9, "second"),
    span(6, 7, "deep"),
    span(10, 11, "after"),
    span(3, 8, "other thread", thread=2),
]


def test_time_of_inner_spans_is_not_that_of_outer_ones() -> None:
    own = {one.what: time for one, time in self_times(NESTED)}
    assert own == {"inner": 2, "outer": 4, "second": 3, "deep": 1, "after": 1, "other thread": 5}
    # The time of a thread is divided among its spans: nothing is lost, nothing counted twice.
    assert sum(time for one, time in self_times(NESTED) if one.thread == 1) == 11


def test_spans_that_begin_together_are_nested_by_their_length() -> None:
    both = [span(0, 2, "inner"), span(0, 3, "outer")]
    assert {one.what: time for one, time in self_times(both)} == {"inner": 2, "outer": 1}
    assert [one.what for one in outermost(both)] == ["outer"]


def test_outermost_spans_are_those_inside_no_other_of_their_thread() -> None:
    assert [one.what for one in outermost(NESTED)] == ["outer", "other thread", "after"]


def test_covered_time_counts_once() -> None:
    assert covered([]) == 0
    assert covered(NESTED) == 11
    assert covered([span(0, 1, "a"), span(0.5, 2, "b", thread=2), span(5, 6, "c")]) == 3


def test_within_includes_the_start_and_not_the_end() -> None:
    assert [one.what for one in within(NESTED, 5, 10)] == ["second", "deep"]
