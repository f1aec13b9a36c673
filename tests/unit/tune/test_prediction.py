"""Predictions on curves that are known."""

from __future__ import annotations

import pytest

from grps.tune import Settings, Variant, read_goal
from grps.tune.curves.curve import Curve, Curves, Point
from grps.tune.prediction import Overhead
from grps.tune.ranking import rank
from grps.tune.space import batch_sizes, settings_of, thread_counts
from grps.tune.trials.choice import shortlist
from tests.unit.tune.made import GOAL, ONE, TWO, curves, predictor


def test_values_lie_on_straight_lines_between_the_measured_ones() -> None:
    found = curves(ONE, 1.0, 0.5, slower=2.0)
    assert found.ms(1, 1) == 1.5
    assert found.ms(3, 1) == pytest.approx(2.5)
    assert found.ms(64, 1) == pytest.approx(2 * 17.0)
    assert found.ms(1, 2) == 3.0
    assert found.ms(1, 4) == pytest.approx(6.0)
    # Processes were not measured: two of them are like none that runs side by side.
    assert found.ms(1, 2, "process") == pytest.approx(3.0)
    assert found.most_parallel("process") == 1


def test_batches_raise_the_goodput_of_a_model_with_a_fixed_cost() -> None:
    predicts = predictor(curves(ONE, 4.0, 0.1))
    alone, batched = (predicts.goodput(Settings(ONE, max_batch=size)) for size in (1, 16))
    assert alone < 1000 / 4.1
    assert batched > 4 * alone
    assert predicts.holds(Settings(ONE, max_batch=16), batched * 0.95)
    assert not predicts.holds(Settings(ONE, max_batch=16), batched * 1.1)


def test_batches_do_not_help_a_model_that_takes_its_time_for_each_row() -> None:
    predicts = predictor(curves(ONE, 0.0, 5.0))
    alone, batched = (predicts.goodput(Settings(ONE, max_batch=size)) for size in (1, 16))
    assert batched <= alone * 1.02


def test_two_instances_serve_more_unless_they_slow_each_other_down() -> None:
    for slower, least, most in ((1.0, 1.6, 3.2), (2.0, 0.7, 1.5)):
        predicts = predictor(curves(ONE, 4.0, 0.0, slower))
        one, two = (predicts.goodput(Settings(ONE, runs=runs)) for runs in (1, 2))
        assert least < two / one < most


def test_serving_takes_its_part_of_the_processors() -> None:
    predicts = predictor(curves(ONE, 0.2, 0.0))
    predicts.overhead = Overhead(latency_ms=1.0, cpu_ms=4.0, run_ms=0.0)
    assert predicts.goodput(Settings(ONE, runs=2)) < 1000 * 2 / 4.0
    at = predicts.at(Settings(ONE), 10.0)
    assert at.cpu_ms == pytest.approx(4.2)
    predicts.overhead = Overhead(latency_ms=1.0, cpu_ms=0.5)
    assert predicts.at(Settings(ONE), 10.0).latency_ms == pytest.approx(1.2, rel=0.1)


def test_batches_save_a_part_of_what_serving_adds() -> None:
    predicts = predictor(curves(ONE, 0.0, 0.1))
    predicts.overhead = Overhead(latency_ms=1.0, cpu_ms=0.7, run_ms=0.3)
    alone, batched = (predicts.goodput(Settings(ONE, max_batch=size)) for size in (1, 8))
    assert batched > 1.2 * alone


def test_a_run_that_exceeds_the_limit_holds_at_no_rate() -> None:
    predicts = predictor(curves(ONE, 25.0, 0.0))
    assert predicts.goodput(Settings(ONE)) < 1.0
    assert rank(predicts, [Settings(ONE)], GOAL) == []


def test_the_best_comes_first_and_waits_are_tried() -> None:
    found = curves(ONE, 4.0, 0.1), curves(TWO, 3.0, 0.1)
    every = [settings for one in found for settings in settings_of(one, 32)]
    ranked = rank(predictor(*found), every, GOAL)
    assert ranked[0].settings.max_batch > 1
    assert ranked[0].score > max(one.score for one in ranked) * 0.96
    assert any(one.settings.wait_us for one in ranked)
    few = shortlist(ranked, 3)
    kinds = {(one.settings.variant, one.settings.runs) for one in few}
    assert few[0] == ranked[0]
    assert len(kinds) == min(3, len({(one.settings.variant, one.settings.runs) for one in ranked}))


def test_of_equal_scores_the_simplest_comes_first() -> None:
    """With one processor, a second instance and spinning change nothing."""
    spinning = Variant("onnxruntime", 2, (("allow_spinning", True),))
    found = curves(TWO, 5.0, 0.0, slower=2.0), curves(spinning, 5.0, 0.0, slower=2.0)
    every = [one for curve in found for one in settings_of(curve, 1)]
    ranked = rank(predictor(*found, cpus=1), every[::-1], GOAL)
    assert ranked[0].settings == Settings(TWO)


@pytest.mark.parametrize("objective", ["cost", "latency"])
def test_other_objectives_rank_by_their_value(objective: str) -> None:
    goal = read_goal(("p99=20ms",), objective, 300.0)  # type: ignore[arg-type]
    found = curves(ONE, 4.0, 0.1)
    ranked = rank(predictor(found, goal=goal), settings_of(found, 16), goal)
    values = [
        one.predicted.cpu_ms if objective == "cost" else one.predicted.latency_ms
        for one in ranked
        if one.predicted
    ]
    assert values[0] < min(values) * 1.04
    assert all(one.predicted and one.predicted.rate == 300.0 for one in ranked)


def test_processes_are_settings_where_they_were_measured() -> None:
    process = Curve(2, "process", (Point(1, 5.0, 5.0, (1.0,)),))
    found = curves(ONE, 4.0, 0.0)
    more = Curves(ONE, 0.1, (*found.found, process))
    kinds = {(one.runs, one.isolation) for one in settings_of(more, 4)}
    assert kinds == {(1, "thread"), (2, "thread"), (2, "process")}
    assert {one.max_batch for one in settings_of(found, 4)} == {1, 2, 4}


def test_numbers_that_are_tried() -> None:
    assert thread_counts(1) == (1,)
    assert thread_counts(2) == (2, 1)
    assert thread_counts(6) == (6, 1, 2, 4)
    assert batch_sizes(1) == (1,)
    assert batch_sizes(31) == (1, 2, 4, 8, 16)
    assert batch_sizes(32)[-1] == 32
