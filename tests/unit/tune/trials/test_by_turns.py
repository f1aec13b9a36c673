"""Comparisons by turns, with services that are not real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from grps.tune.trials.by_turns import compare, first_rate
from grps.tune.trials.confirmation import Confirmation
from grps.tune.trials.result import Trial
from tests.unit.tune.made import Fake, Time, trials


def run(new: Fake, default: Fake, rate: float, seconds: float = 1e9) -> Confirmation:
    time = Time()
    new.time = default.time = time
    return compare(trials(), new, default, rate, time.clock(seconds))


def outcomes(found: Confirmation) -> list[tuple[float, bool, bool]]:
    return [(round(one.rate, 1), one.holds, other.holds) for one, other in found.pairs]


def test_settings_that_hold_where_the_default_misses_are_better() -> None:
    found = run(Fake("new", 100), Fake("default", 80), 90.0)
    assert (found.is_better, found.is_unanimous, found.rate) == (True, True, 90.0)
    assert outcomes(found) == [(90.0, True, False)] * 3
    assert found.reason == "it holds p99=20ms at 90 requests/s, the default does not"


def test_a_better_default_is_kept() -> None:
    found = run(Fake("new", 80), Fake("default", 100), 90.0)
    assert (found.is_better, found.is_unanimous) == (False, True)
    assert len(found.pairs) == 3
    assert found.reason == "the best settings held the limit at no rate"


def test_the_rate_rises_while_both_hold() -> None:
    found = run(Fake("new", 300), Fake("default", 200), 100.0)
    held = [(100.0, True, True), (112.0, True, True), (140.0, True, True), (175.0, True, True)]
    assert outcomes(found) == [*held, *[(218.8, True, False)] * 3]
    assert found.is_better
    assert found.rate == pytest.approx(218.75)


def test_the_rate_falls_while_both_miss() -> None:
    found = run(Fake("new", 80), Fake("default", 60), 100.0)
    missed = [(100.0, False, False), (89.3, False, False)]
    assert outcomes(found) == [*missed, *[(71.4, True, False)] * 3]
    assert found.is_better


def test_settings_that_are_as_good_as_the_default_change_nothing() -> None:
    found = run(Fake("new", 100), Fake("default", 100), 100.0)
    assert (found.is_better, found.is_unanimous, len(found.pairs)) == (False, False, 12)
    assert found.reason == (
        "of 12 pairs of trials by turns, 0 spoke for the best settings, 0 for the default"
    )


def test_a_machine_that_is_slow_for_a_while_says_nothing_against_the_winner() -> None:
    new, default = Fake("new", 100, wrong=(1, 2)), Fake("default", 80)
    found = run(new, default, 95.0)
    assert outcomes(found)[1:3] == [(95.0, False, False), (84.8, False, False)]
    assert (found.is_better, found.is_unanimous) == (True, True)


def test_a_pair_against_the_winner_is_made_good_by_others() -> None:
    new, default = Fake("new", 100, wrong=(1,)), Fake("default", 80, wrong=(1,))
    found = run(new, default, 90.0)
    assert [one[1:] for one in outcomes(found)] == [
        (True, False),
        (False, True),
        *[(True, False)] * 3,
    ]
    assert (found.is_better, found.is_unanimous, found.rate) == (True, False, 90.0)


@pytest.mark.parametrize(("seconds", "pairs", "is_better"), [(8.9, 1, False), (9.0, 2, True)])
def test_one_pair_is_too_little(seconds: float, pairs: int, is_better: bool) -> None:
    found = run(Fake("new", 100), Fake("default", 80), 90.0, seconds)
    assert (len(found.pairs), found.is_better) == (pairs, is_better)


@pytest.mark.parametrize(("seconds", "pairs"), [(16.4, 2), (16.5, 3)])
def test_after_two_pairs_there_is_time_for_a_longer_trial(seconds: float, pairs: int) -> None:
    assert len(run(Fake("new", 100), Fake("default", 80), 90.0, seconds).pairs) == pairs


def test_without_time_the_default_is_kept() -> None:
    found = run(Fake("new", 100), Fake("default", 80), 90.0, 1.0)
    assert (found.is_better, found.pairs, found.rate) == (False, (), 90.0)
    assert "no time" in found.reason


def test_they_take_turns_in_being_first() -> None:
    order: list[str] = []

    class Noted(Fake):
        def at(self, rate: float, seconds: float, seed: int) -> Trial:
            order.append(self.name)
            return super().at(rate, seconds, seed)

    run(Noted("new", 100), Noted("default", 80), 90.0)
    assert order == ["new", "default", "default", "new", "new", "default"]


def test_the_rate_is_the_highest_at_which_only_the_winner_holds() -> None:
    # Pairs: at 90 only the winner, both, at 100.8 only the winner, twice.
    new, default = Fake("new", 110), Fake("default", 80, wrong=(1,))
    found = run(new, default, 90.0)
    assert [one[0] for one in outcomes(found)] == [90.0, 90.0, 100.8, 100.8]
    assert found.rate == pytest.approx(100.8)


@pytest.mark.parametrize(
    ("predicted", "capacity", "default_capacity", "rate"),
    [
        (200.0, 100.0, 10.0, 72.25),
        (200.0, 100.0, 81.0, 76.5),
        (200.0, 100.0, 100.0, 85.0),
        (200.0, 100.0, 400.0, 85.0),
        (50.0, 100.0, 100.0, 42.5),
        (0.1, 100.0, 100.0, 1.0),
        (50.0, 0.0, 100.0, 42.5),
        (0.1, 0.0, 0.0, 1.0),
    ],
)
def test_the_first_rate_is_between_what_both_are_likely_to_hold(
    predicted: float, capacity: float, default_capacity: float, rate: float
) -> None:
    assert first_rate(predicted, capacity, default_capacity) == pytest.approx(rate)


def latencies(ones_ms: list[float], others_ms: list[float]) -> Confirmation:
    """Compare services with these latencies, which stay as they are at last."""

    def next_of(values: list[float]) -> Callable[[float], float]:
        return lambda rate: values.pop(0) if len(values) > 1 else values[0]

    new = Fake("new", 0, latency_ms=next_of(ones_ms))
    return run(new, Fake("default", 0, latency_ms=next_of(others_ms)), 90.0)


@pytest.mark.parametrize(
    ("one_ms", "other_ms", "is_better"),
    [
        (9.3, 14.0, True),  # both hold, the default is near the limit
        (9.4, 14.0, False),  # not clearly lower
        (5.0, 13.9, False),  # far below the limit
        (21.0, 31.5, True),  # both miss
        (21.1, 31.5, False),
    ],
)
def test_a_clearly_lower_latency_speaks_for_its_side(
    one_ms: float, other_ms: float, is_better: bool
) -> None:
    # Twice so, and once the winner holds what the default misses.
    found = latencies([one_ms, one_ms, 19.0, 19.0], [other_ms, other_ms, 21.0, 19.0])
    assert found.is_better is is_better
    assert len(found.pairs) == (3 if is_better else 12)
    assert ("1 spoke for the best settings, 0 for" in found.reason) != is_better
    swapped = latencies([other_ms] * 4, [one_ms] * 4)
    assert not swapped.is_better
    assert swapped.is_unanimous is is_better


def test_without_a_rate_that_only_one_holds_lower_latencies_decide_at_the_end() -> None:
    found = latencies([9.0], [15.0])
    assert (found.is_better, found.is_unanimous) == (True, True)
    assert not found.is_missed_by_default
    assert len(found.pairs) == 12
    assert found.rate == max(one.rate for one, _ in found.pairs)
    assert "a clearly lower p99 near the limit in 12, the default in none; it held" in found.reason


@pytest.mark.parametrize(
    ("ones_ms", "others_ms"),
    [
        ([9.0, 19.0], [15.0, 19.0]),  # once is not enough
        ([9.0, 9.0, 9.0, 15.0], [15.0, 15.0, 15.0, 9.0]),  # they do not agree
        ([21.0], [40.0]),  # it holds nowhere
    ],
)
def test_lower_latencies_that_say_too_little(ones_ms: list[float], others_ms: list[float]) -> None:
    found = latencies(ones_ms, others_ms)
    assert (found.is_better, found.is_unanimous) == (False, False)


def test_steps_are_smaller_when_the_direction_changes() -> None:
    found = run(Fake("new", 100), Fake("default", 100), 95.0)
    rates = [one[0] for one in outcomes(found)][:5]
    assert rates == [95.0, 106.4, 100.5, 89.8, 95.0]


def test_requests_that_failed_speak_against_a_service_whatever_its_latency() -> None:
    class Failing(Fake):
        def at(self, rate: float, seconds: float, seed: int) -> Trial:
            return replace(super().at(rate, seconds, seed), holds=False, why="a request failed")

    failing = Failing("new", 0, latency_ms=lambda rate: 1.0)
    found = run(failing, Fake("default", 0, latency_ms=lambda rate: 40.0), 90.0)
    assert (found.is_better, found.is_unanimous, len(found.pairs)) == (False, True, 3)
