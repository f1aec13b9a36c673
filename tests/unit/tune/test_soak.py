"""The longer trial at the end of a search, with services that are not real."""

from __future__ import annotations

import pytest

from grps.tune.trials.confirmation import Confirmation
from grps.tune.trials.race import Trials
from grps.tune.trials.soak import soak
from tests.unit.tune.made import GOAL, Fake, Time

FOUND = Confirmation(is_better=True, rate=100.0, pairs=(), reason="better", is_unanimous=True)


def run(new: float, default: float, seconds: float = 1e9) -> tuple[Confirmation, Fake, Fake]:
    time = Time()
    winner, other = Fake("new", new, time=time), Fake("default", default, time=time)
    trials = Trials(GOAL, lambda trial: None)
    return soak(trials, winner, other, FOUND, time.clock(seconds)), winner, other


def test_a_winner_that_holds_its_rate_for_longer_keeps_it() -> None:
    found, winner, default = run(100, 80)
    assert (found.is_better, found.rate, found.is_unanimous) == (True, 100.0, True)
    assert found.soak is not None
    assert "for 6 s" in found.reason
    assert (winner.rates, default.rates) == ([100.0], [])


def test_the_rate_falls_until_it_is_held_for_longer() -> None:
    found, winner, default = run(75, 60)
    assert found.is_better
    assert found.rate == pytest.approx(72.25)
    assert winner.rates == pytest.approx([100.0, 85.0, 72.25])
    assert default.rates == pytest.approx([85.0, 72.25])


def test_a_default_that_holds_the_lower_rate_is_kept() -> None:
    found, winner, _ = run(80, 90)
    assert not found.is_better
    assert not found.is_unanimous
    assert found.reason == "the default holds p99=20ms at 85 requests/s too"
    assert winner.rates == [100.0]


@pytest.mark.parametrize(("seconds", "tried"), [(3.4, []), (3.5, [100.0])])
def test_without_time_for_it_nothing_changes(seconds: float, tried: list[float]) -> None:
    found, winner, _ = run(100, 80, seconds)
    assert (found.is_better, found.rate, found.soak is not None) == (True, 100.0, bool(tried))
    assert winner.rates == tried


def test_a_missed_rate_is_not_reported() -> None:
    found, winner, _ = run(80, 60, 7.0)
    assert (found.is_better, found.rate, found.soak) == (True, 85.0, None)
    assert found.reason.startswith("it missed p99=20ms at 100 requests/s for 6 s; ")
    assert winner.rates == [100.0]
