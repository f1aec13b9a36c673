"""Curves of durations by size."""

from __future__ import annotations

import pytest

from grps.errors import InputError
from grps.profile.curves import Curve, Point, Timing, doubling, measure_curve, quantile, time_runs


def test_sizes_double_up_to_the_largest() -> None:
    assert [doubling(most) for most in (1, 2, 3, 4, 6, 8)] == [
        (1,),
        (1, 2),
        (1, 2, 3),
        (1, 2, 4),
        (1, 2, 4, 6),
        (1, 2, 4, 8),
    ]


def test_quantiles_are_interpolated() -> None:
    assert quantile([3.0], 0.9) == 3.0
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert [quantile([5.0, 1.0], share) for share in (0, 0.25, 1)] == [1.0, 2.0, 5.0]


def test_runs_are_bounded_by_count_and_time() -> None:
    calls: list[int] = []
    timing = Timing(warmup=2, least=3, most=5, budget_s=1000)
    assert len(time_runs(lambda: calls.append(1), timing)) == 5
    assert len(calls) == 7
    # Without any time, there are as many runs as there have to be.
    assert len(time_runs(lambda: None, Timing(warmup=0, least=3, most=5, budget_s=0))) == 3


def test_a_curve_has_a_point_for_each_size_in_order() -> None:
    seen: list[Point] = []
    curve = measure_curve(lambda size: [size * 2.0, size * 1.0], [4, 1, 1], seen.append)
    assert curve == Curve((Point(1, (2.0, 1.0)), Point(4, (8.0, 4.0))))
    assert list(curve.points) == seen
    assert (curve.points[1].p50_s, curve.points[1].best_s) == (6.0, 4.0)


def test_a_curve_ends_where_the_model_fails() -> None:
    def durations(size: int) -> list[float]:
        if size > 2:
            raise InputError("at most 2 rows")
        return [0.1]

    curve = measure_curve(durations, doubling(8))
    assert [point.size for point in curve.points] == [1, 2]
    assert curve.ended == "4: at most 2 rows"
    with pytest.raises(InputError, match="at most 2 rows"):
        measure_curve(durations, [4, 8])
