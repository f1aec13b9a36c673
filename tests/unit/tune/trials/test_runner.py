"""Trials of services that are not real."""

from __future__ import annotations

from dataclasses import replace

from grps.tune import read_goal
from grps.tune.trials.result import Trial
from grps.tune.trials.runner import Trials
from tests.unit.tune.made import GOAL, Fake, trials


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
