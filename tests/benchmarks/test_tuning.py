"""The final measurement of a sweep, with services that are not real."""

from __future__ import annotations

import pytest

from benchmarks.tuning.held_rates import held_rates
from tests.unit.tune.made import Fake, trials


def test_each_service_gets_the_rate_that_it_holds_in_half_of_its_trials() -> None:
    services = {
        "best": Fake("best", 100),
        "unlucky": Fake("unlucky", 100, wrong=(5, 11)),
        "weak": Fake("weak", 30),
        "none": Fake("none", 0),
    }
    found = held_rates(services, 60.0, trials())
    assert found["best"] == pytest.approx(100, rel=0.03)
    assert found["unlucky"] == pytest.approx(100, rel=0.06)
    assert found["weak"] == pytest.approx(30, rel=0.03)
    assert found["none"] == 0


def test_services_take_turns() -> None:
    ran = trials()
    held_rates({"a": Fake("a", 100), "b": Fake("b", 100)}, 90.0, ran)
    assert [one.name for one in ran.found[:4]] == ["a", "b", "a", "b"]


@pytest.mark.parametrize(
    ("most", "rates"),
    [(110, [90.0, 108.0, 129.6, 123.43]), (70, [90.0, 75.0, 62.5, 65.625])],
    ids=["rises", "falls"],
)
def test_steps_are_large_until_a_trial_ends_otherwise(most: float, rates: list[float]) -> None:
    service = Fake("a", most)
    held_rates({"a": service}, 90.0, trials())
    assert service.rates[:4] == pytest.approx(rates, rel=1e-3)


def test_a_service_ends_after_the_trials_that_count() -> None:
    service = Fake("a", 110)
    held_rates({"a": service}, 90.0, trials())
    assert len(service.rates) == 2 + 60
