"""The longer trial at the end of a search, with services that are not real."""

from __future__ import annotations

import pytest

from grps.tune.trials.confirmation import Confirmation
from grps.tune.trials.soak import soak
from tests.unit.tune.made import Fake, Time, trials

FOUND = Confirmation(is_better=True, rate=100.0, pairs=(), reason="better", is_unanimous=True)


def run(most: float, seconds: float = 1e9) -> tuple[Confirmation, Fake]:
    time = Time()
    winner = Fake("new", most, time=time)
    found = soak(trials(), winner, FOUND, time.clock(seconds))
    return found, winner


def test_a_winner_that_holds_its_rate_for_longer_keeps_it() -> None:
    found, winner = run(100)
    assert (found.is_better, found.goodput, found.lowered) == (True, 100.0, None)
    assert found.soak is not None
    assert found.reason == "better; for 6 s it held 100"
    assert winner.rates == [100.0]


def test_the_rate_to_plan_with_falls_until_it_is_held_for_longer() -> None:
    found, winner = run(75)
    assert (found.is_better, found.is_unanimous, found.rate) == (True, True, 100.0)
    assert found.goodput == found.lowered == pytest.approx(72.25)
    assert found.reason == "better; for 6 s it held 72.25"
    assert winner.rates == pytest.approx([100.0, 85.0, 72.25])


@pytest.mark.parametrize(("seconds", "tried"), [(3.4, []), (3.5, [100.0])])
def test_without_time_for_it_nothing_changes(seconds: float, tried: list[float]) -> None:
    found, winner = run(100, seconds)
    assert (found.is_better, found.goodput, found.soak is not None) == (True, 100.0, bool(tried))
    assert winner.rates == tried


@pytest.mark.parametrize(("seconds", "tried"), [(6.4, [100.0]), (6.5, [100.0, 85.0])])
def test_half_of_the_time_is_left_for_a_lower_rate(seconds: float, tried: list[float]) -> None:
    found, winner = run(90, seconds)
    assert winner.rates == tried
    assert found.goodput == 85.0
    assert (found.soak is not None) == (len(tried) == 2)


def test_a_missed_rate_is_not_reported() -> None:
    found, _ = run(10, 14.0)
    assert found.is_better
    assert found.soak is None
    assert found.goodput < 85.0
    assert "missed it at" in found.reason
    assert found.reason.endswith("a lower rate was not tried")
