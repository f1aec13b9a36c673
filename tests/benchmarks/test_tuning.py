"""The final measurement of a sweep, with services that are not real."""

from __future__ import annotations

import pytest

from benchmarks.tuning.held_rates import held_rates
from grps.tune.trials.race import Trials
from tests.unit.tune.made import GOAL, Fake


def test_each_service_gets_the_highest_rate_that_it_holds() -> None:
    services = {
        "best": Fake("best", 100),
        "unlucky": Fake("unlucky", 100, wrong=(0, 5)),
        "weak": Fake("weak", 30),
        "none": Fake("none", 0),
    }
    found = held_rates(services, 60.0, Trials(GOAL, lambda trial: None))
    assert 95 < found["best"] <= 100
    assert found["unlucky"] == found["best"]
    assert 27 < found["weak"] <= 30
    assert found["none"] == 0


def test_services_take_turns() -> None:
    ran = Trials(GOAL, lambda trial: None)
    held_rates({"a": Fake("a", 100), "b": Fake("b", 100)}, 90.0, ran)
    assert [one.name for one in ran.found[:4]] == ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("wrong", "trials", "following"), [((1, 2), 5, 90.0 * 1.05), ((0, 1, 2), 3, 90.0 / 1.05**2)]
)
def test_most_trials_decide(wrong: tuple[int, ...], trials: int, following: float) -> None:
    service = Fake("a", 90, wrong=wrong)
    held_rates({"a": service}, 90.0, Trials(GOAL, lambda trial: None))
    assert service.rates[:trials] == [90.0] * trials
    assert service.rates[trials] == pytest.approx(following)
