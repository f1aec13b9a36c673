"""Races and confirmations among services that are not real."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grps.tune import Goal, read_goal
from grps.tune.trials.clock import Clock
from grps.tune.trials.confirmation import confirm
from grps.tune.trials.race import Trials, race, race_at
from grps.tune.trials.result import Trial
from tests.unit.tune.made import GOAL, Fake, Time


def trials(goal: Goal = GOAL) -> Trials:
    return Trials(goal, lambda trial: None)


def clock(seconds: float = 1e9) -> Clock:
    return Clock(seconds, now=lambda: 0.0)


@pytest.mark.parametrize("first", [1.0, 95.0, 100.0, 5000.0])
def test_the_best_wins_wherever_the_race_begins(first: float) -> None:
    entrants = [
        Fake("slow", 40, latency_ms=lambda rate: rate / 40 * 20),
        Fake("fast", 100, latency_ms=lambda rate: rate / 100 * 20),
        Fake("middle", 80, latency_ms=lambda rate: rate / 80 * 20),
    ]
    finish = race(trials(), entrants, first, clock(), 0.0, {})
    assert finish.winner == "fast"
    assert 90 < finish.rate <= 100


def test_those_that_miss_what_another_holds_are_out() -> None:
    entrants = [Fake("slow", 40), Fake("fast", 100)]
    race(trials(), entrants, 60.0, clock(), 0.0, {})
    assert entrants[0].rates == [60.0]


def test_an_unlucky_miss_of_the_strongest_is_made_good() -> None:
    entrants = [Fake("weak", 60), Fake("strong", 100, wrong=(0,))]
    finish = race(trials(), entrants, 50.0, clock(), 0.0, {"weak": 70.0, "strong": 120.0})
    assert finish.winner == "strong"
    assert 90 < finish.rate <= 100


def test_one_that_is_out_and_not_stronger_is_left() -> None:
    entrants = [Fake("one", 60), Fake("other", 100, wrong=(0,))]
    finish = race(trials(), entrants, 50.0, clock(), 0.0, {"one": 70.0, "other": 72.0})
    assert finish.winner == "one"
    assert entrants[1].rates == [50.0]


def test_a_miss_by_little_is_tried_again() -> None:
    for second, holds in ((15.0, True), (16.0, False)):
        values = [second, 25.0]
        close = Fake("close", 0, latency_ms=lambda rate: values.pop())  # noqa: B023
        ran = trials()
        assert ran.run_twice(close, 10.0).holds is holds
        assert len(close.rates) == 2
    far = Fake("far", 0, latency_ms=lambda rate: 31.0)
    assert not ran.run_twice(far, 10.0).holds
    assert len(far.rates) == 1


def test_a_rate_above_what_a_service_serves_is_not_tried() -> None:
    entrants = [Fake("weak", 100), Fake("strong", 150)]
    race(trials(), entrants, 90.0, clock(), 0.0, {"weak": 110.0, "strong": 170.0})
    assert entrants[0].rates == [90.0]


@pytest.mark.parametrize(
    ("most_of_quick", "winner"),
    [(1000.0, "quick"), (920.0, "quick"), (900.0, "slow"), (55.0, "slow")],
    ids=["as strong", "about as strong", "clearly weaker", "too weak for the next rate"],
)
def test_with_little_time_one_goes_on(most_of_quick: float, winner: str) -> None:
    time, capacities = Time(), {"slow": 1000.0, "quick": most_of_quick}
    slow = Fake("slow", 100, latency_ms=lambda rate: 15.0, time=time)
    quick = Fake("quick", 100, latency_ms=lambda rate: 5.0, time=time)
    finish = race(trials(), [slow, quick], 50.0, time.clock(10.0), 2.4, capacities)
    rates = {one.name: one.rates for one in (slow, quick)}
    assert rates.pop(winner) == [50.0, 65.0]
    assert list(rates.values()) == [[50.0]]
    assert (finish.winner, finish.rate) == (winner, 65.0)


def test_nothing_holds() -> None:
    now = iter(range(10_000))
    late = Clock(100, lambda: next(now))
    finish = race(trials(), [Fake("a", 0), Fake("b", 0)], 50.0, late, 1.0, {})
    assert finish.winner is None


def test_a_race_ends_in_time() -> None:
    now = iter(range(0, 10_000, 2))
    entrants = [Fake("a", 1e9), Fake("b", 1e9)]
    finish = race(trials(), entrants, 10.0, Clock(60, lambda: next(now)), 10.0, {})
    assert finish.winner is not None
    assert len(entrants[0].rates) < 30


@pytest.mark.parametrize(("objective", "winner"), [("cost", "frugal"), ("latency", "quick")])
def test_a_race_at_a_rate(objective: str, winner: str) -> None:
    goal = read_goal(("p99=20ms",), objective, 50.0)  # type: ignore[arg-type]
    entrants = [
        Fake("frugal", 60, cpu_ms=0.5, latency_ms=lambda rate: 15.0),
        Fake("quick", 60, cpu_ms=2.0, latency_ms=lambda rate: 5.0),
        Fake("late", 60, cpu_ms=0.1, latency_ms=lambda rate: 60.0),
    ]
    finish = race_at(trials(goal), entrants, 50.0, clock(), 0.0)
    assert finish.winner == winner
    assert len(entrants[2].rates) == 1


def test_a_winner_has_to_hold_where_the_default_misses() -> None:
    found = confirm(trials(), Fake("new", 100), Fake("default", 80), 100.0, clock())
    assert (found.is_better, found.rate, len(found.pairs)) == (True, 85.0, 3)


def test_the_rate_is_raised_while_both_hold() -> None:
    found = confirm(trials(), Fake("new", 150), Fake("default", 110), 100.0, clock())
    assert found.is_better
    assert found.rate == pytest.approx(85 * 1.12**3)


def test_a_rate_that_both_have_held_is_not_compared_again() -> None:
    ran, new, default = trials(), Fake("new", 150), Fake("default", 110)
    ran.run(default, 100.0)
    found = confirm(ran, new, default, 100.0, clock())
    assert found.is_better
    assert new.rates[0] == pytest.approx(112)
    assert found.rate == pytest.approx(112)


@pytest.mark.parametrize(("capacity", "first"), [(90.0, 85.0), (105.0, 94.5), (200.0, 100.0)])
def test_the_first_rate_is_one_that_the_default_is_likely_to_miss(
    capacity: float, first: float
) -> None:
    new = Fake("new", 100)
    assert confirm(trials(), new, Fake("default", 80), 100.0, clock(), capacity).is_better
    assert new.rates[0] == pytest.approx(first)


def test_a_default_that_missed_once_by_bad_luck_is_tried_at_a_higher_rate() -> None:
    found = confirm(trials(), Fake("new", 100), Fake("default", 90, wrong=(0,)), 100.0, clock())
    assert found.is_better
    assert found.rate == pytest.approx(85 * 1.12)


def test_a_default_that_holds_too_is_kept() -> None:
    found = confirm(trials(), Fake("new", 100), Fake("default", 120), 100.0, clock())
    assert found.rate == pytest.approx(85 * 1.12)
    assert not found.is_better
    assert "3 of 3 times" in found.reason


def test_trials_of_the_default_that_disagree_prove_nothing() -> None:
    now = iter([0.0])
    late = Clock(10.0, now=lambda: next(now, 100.0))
    found = confirm(trials(), Fake("new", 100), Fake("default", 80, wrong=(1,)), 100.0, late)
    assert len(found.pairs) == 2
    assert not found.is_better


@pytest.mark.parametrize(("left_s", "pairs"), [(8.4, 2), (8.5, 3)])
def test_pairs_that_agree_leave_time_for_a_longer_trial(left_s: float, pairs: int) -> None:
    late = Clock(left_s, now=lambda: 0.0)
    found = confirm(trials(), Fake("new", 100), Fake("default", 80), 100.0, late)
    assert (len(found.pairs), found.is_better, found.is_unanimous) == (pairs, True, True)


def test_one_of_three_trials_may_be_wrong() -> None:
    new, default = Fake("new", 100, wrong=(1,)), Fake("default", 80, wrong=(0,))
    assert confirm(trials(), new, default, 100.0, clock()).is_better


@pytest.mark.parametrize(("wrong", "is_unanimous"), [((), True), ((1,), False)])
def test_one_trial_that_disagrees_makes_a_comparison_doubtful(
    wrong: tuple[int, ...], is_unanimous: bool
) -> None:
    for most, is_better in ((80, True), (120, False)):
        default = Fake("default", most, wrong=wrong)
        found = confirm(trials(), Fake("new", 86), default, 100.0, clock())
        assert (found.is_better, found.is_unanimous) == (is_better, is_unanimous)
    goal = read_goal(("p99=20ms",), "latency", 50.0)
    values = [12.0 if wrong else 9.0, 9.0, 9.0]
    new = Fake("new", 0, latency_ms=lambda rate: values.pop())
    default = Fake("default", 0, latency_ms=lambda rate: 10.0)
    found = confirm(trials(goal), new, default, 50.0, clock())
    assert (found.is_better, found.is_unanimous) == (True, is_unanimous)


def test_a_rate_that_is_not_held_again_is_lowered() -> None:
    new, default = Fake("new", 80), Fake("default", 70)
    found = confirm(trials(), new, default, 100.0, clock())
    assert found.is_better
    assert found.rate == pytest.approx(70 * 1.12)
    lost = confirm(trials(), Fake("new", 10), default, 100.0, clock())
    assert not lost.is_better


def test_a_cost_has_to_be_lower_by_more_than_noise() -> None:
    goal = read_goal(("p99=20ms",), "cost", 50.0)
    default = Fake("default", 60, cpu_ms=1.0)
    for cpu_ms, is_better in ((0.9, True), (0.98, False), (1.2, False)):
        found = confirm(trials(goal), Fake("new", 60, cpu_ms=cpu_ms), default, 50.0, clock())
        assert found.is_better is is_better
        assert "CPU" in found.reason


def test_rates_that_were_held() -> None:
    ran, service = trials(), Fake("a", 50)
    for rate in (40.0, 60.0, 45.0):
        ran.run(service, rate)
    assert (ran.held_by("a"), ran.held_by("a", 45.0), ran.held_by("b")) == (45.0, 40.0, 0.0)


def test_a_trial_is_long_enough_for_its_percentile() -> None:
    ran = trials()
    assert ran.seconds(10_000.0) == 1.0
    assert ran.seconds(200.0) == 1.5
    assert ran.seconds(1.0) == 2.0
    for limit, seconds in (("p99=500ms", 2.0), ("p99=600ms", 2.4), ("p99=2s", 4.0)):
        assert trials(read_goal((limit,), "throughput", None)).seconds(50.0) == seconds


def test_a_trial_that_others_disturb_is_repeated_once() -> None:
    class Disturbed(Fake):
        def at(self, rate: float, seconds: float, seed: int) -> Trial:
            trial = super().at(rate, seconds, seed)
            return replace(trial, others=0.2 if len(self.rates) > 1 else 0.21)

    ran, service = Trials(GOAL, lambda trial: None, most_others=0.2), Disturbed("a", 50)
    assert ran.run(service, 10.0).others == 0.2
    assert (ran.disturbed, len(service.rates), len(ran.found)) == (1, 2, 1)
    ran.run(service, 10.0)
    assert (ran.disturbed, len(service.rates)) == (1, 3)


def test_trials_of_slow_services_begin_at_a_lower_share() -> None:
    assert trials().first_rate(1000.0) == pytest.approx(700)
    assert trials().first_rate(50.0) == pytest.approx(30)
