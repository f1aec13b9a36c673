"""The objectives cost and latency, with services that are not real."""

from __future__ import annotations

import pytest

from grps.tune import read_goal
from grps.tune.trials.at_rate import confirm_at, race_at
from grps.tune.trials.clock import Clock
from tests.unit.tune.made import Fake, Time, trials


@pytest.mark.parametrize(("objective", "winner"), [("cost", "frugal"), ("latency", "quick")])
def test_a_race_at_a_rate(objective: str, winner: str) -> None:
    goal = read_goal(("p99=20ms",), objective, 50.0)  # type: ignore[arg-type]
    entrants = [
        Fake("frugal", 60, cpu_ms=0.5, latency_ms=lambda rate: 15.0),
        Fake("quick", 60, cpu_ms=2.0, latency_ms=lambda rate: 5.0),
        Fake("late", 60, cpu_ms=0.1, latency_ms=lambda rate: 60.0),
    ]
    assert race_at(trials(goal), entrants, 50.0, Time().clock(60.0), 0.0) == winner
    assert len(entrants[2].rates) == 1


def test_no_one_wins_a_race_in_which_no_one_holds_the_limit() -> None:
    goal = read_goal(("p99=20ms",), "cost", 50.0)
    assert (
        race_at(trials(goal), [Fake("a", 40), Fake("b", 40)], 50.0, Time().clock(60.0), 0.0) is None
    )


def test_a_race_ends_in_time() -> None:
    goal = read_goal(("p99=20ms",), "cost", 50.0)
    entrants = [Fake("a", 60, cpu_ms=2.0), Fake("b", 60), Fake("c", 60, cpu_ms=3.0)]
    now = iter([0.0, 0.0, 100.0])
    late = Clock(60.0, lambda: next(now))
    assert race_at(trials(goal), entrants, 50.0, late, 10.0) == "b"
    assert [len(one.rates) for one in entrants] == [1, 1, 1]


@pytest.mark.parametrize(("wrong", "is_unanimous"), [((), True), ((1,), False)])
def test_most_trials_at_the_rate_of_a_goal_count(
    wrong: tuple[int, ...], is_unanimous: bool
) -> None:
    goal = read_goal(("p99=20ms",), "latency", 50.0)
    new, default = Fake("new", 60), Fake("default", 40, wrong=wrong)
    found = confirm_at(trials(goal), new, default, 50.0)
    assert (found.is_better, found.is_unanimous, len(found.pairs)) == (True, is_unanimous, 3)
    assert found.reason == "it holds p99=20ms at 50 requests/s, the default does not"
    lost = confirm_at(trials(goal), Fake("new", 40), Fake("default", 60), 50.0)
    assert (lost.is_better, lost.reason) == (False, "the winner did not hold the limit again")


@pytest.mark.parametrize(("first", "is_unanimous"), [(9.0, True), (12.0, False)])
def test_a_latency_counts_by_its_median(first: float, is_unanimous: bool) -> None:
    goal = read_goal(("p99=20ms",), "latency", 50.0)
    values = [9.0, 9.0, first]
    new = Fake("new", 0, latency_ms=lambda rate: values.pop())
    default = Fake("default", 0, latency_ms=lambda rate: 10.0)
    found = confirm_at(trials(goal), new, default, 50.0)
    assert (found.is_better, found.is_unanimous) == (True, is_unanimous)


def test_a_cost_has_to_be_lower_by_more_than_noise() -> None:
    goal = read_goal(("p99=20ms",), "cost", 50.0)
    default = Fake("default", 60, cpu_ms=1.0)
    for cpu_ms, is_better in ((0.9, True), (0.98, False), (1.2, False)):
        found = confirm_at(trials(goal), Fake("new", 60, cpu_ms=cpu_ms), default, 50.0)
        assert found.is_better is is_better
        assert "CPU" in found.reason
