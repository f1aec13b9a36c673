"""Prediction and trials together, on services that are simulated with other numbers."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from grps.tune import Settings
from grps.tune.curves.curve import Curve, Curves, Point
from grps.tune.prediction import Overhead, Predictor
from grps.tune.ranking import rank
from grps.tune.simulation import Policy, poisson, simulate
from grps.tune.space import settings_of
from grps.tune.trials.by_turns import compare, first_rate
from grps.tune.trials.choice import shortlist
from grps.tune.trials.clock import Clock
from grps.tune.trials.result import Trial
from tests.unit.tune.made import GOAL, ONE, TWO, trials

SIZES = (1, 2, 4, 8, 16, 32)


@dataclass
class World:
    """A machine with a model: what is measured of it, and what services really do.

    Attributes:
        measured: Curves, with the errors of measuring.
        predictor: What predicts on them.
        truth: What predicts as services are.
        spread: Durations of real runs by their median.
        now: Seconds that trials have taken.
    """

    measured: list[Curves]
    predictor: Predictor
    truth: Predictor
    spread: list[float]
    now: float = 0.0
    services: dict[str, Settings] = field(default_factory=dict)


class Simulated:
    """A service of the world; its trials have as many requests as real ones."""

    def __init__(self, world: World, name: str, settings: Settings) -> None:
        self.name = name
        self._world = world
        self._settings = settings
        self._trials = 0

    def at(self, rate: float, seconds: float, seed: int) -> Trial:
        world, one = self._world, self._settings
        self._trials += 1
        world.now += seconds + 0.5
        number = len(self.name) * 1000 + self._trials
        random = np.random.default_rng(number)
        run_time = world.truth.run_time(one, rate)

        def noisy(rows: int, busy: int) -> float:
            return run_time(rows, busy) * float(random.choice(world.spread))

        count = max(1, round(rate * seconds))
        arrivals = poisson(count, number) / rate
        found = simulate(arrivals, Policy(one.runs, one.max_batch, concurrency=32), noisy)
        latency = float(np.percentile(found.latencies_s, 99)) * 1000
        latency += world.truth.overhead.latency_ms
        return Trial(self.name, rate, seconds, latency, 1.0, rate, 1.0, latency <= 20.0, 0.0)


def world_of(seed: int) -> World:
    """A world by chance: fixed and row costs, threads that help more or less, errors of a tenth."""
    random = np.random.default_rng(seed)
    fixed, row = random.uniform(0.3, 3.0), random.uniform(0.02, 0.8)
    speed_up, slower = random.uniform(1.0, 1.9), random.uniform(1.0, 2.2)
    real: list[Curves] = []
    measured: list[Curves] = []
    for variant, divide in ((ONE, 1.0), (TWO, speed_up)):
        for kind, error in ((real, 0.0), (measured, 0.1)):
            found = []
            for parallel in (1, 2):
                factor = (slower if parallel == 2 else 1.0) / divide
                factor *= 1 + random.uniform(-error, error)
                points = tuple(
                    Point(n, (fixed + row * n) * factor, fixed + row * n, (1.0,)) for n in SIZES
                )
                found.append(Curve(parallel, "thread", points))
            kind.append(Curves(variant, 0.1, tuple(found)))
    predictors = [
        Predictor({one.variant: one for one in kind}, GOAL, cpus=2, concurrency=32)
        for kind in (measured, real)
    ]
    cpu_ms = random.uniform(0.05, 0.3)
    predictors[0].overhead = Overhead(0.4, cpu_ms * 1.2)
    predictors[1].overhead = Overhead(0.5, cpu_ms)
    return World(measured, predictors[0], predictors[1], [0.95, 1.0, 1.0, 1.1])


@pytest.mark.parametrize("seed", range(4))
def test_what_is_found_is_near_the_best_and_never_below_the_default(seed: int) -> None:
    world = world_of(seed)
    every = [one for curves in world.measured for one in settings_of(curves, 32)]
    default = Settings(TWO)
    goodputs = {one: world.truth.goodput(one) for one in every}
    best = max(goodputs.values())
    clock = Clock(45.0, now=lambda: world.now)
    ranked = rank(world.predictor, every, GOAL)
    chosen = [one.settings for one in shortlist(ranked, 4)]
    services = [Simulated(world, one.text, one) for one in chosen]
    runner = trials()
    base = Simulated(world, "default", default)
    capacities = {one.name: world.truth.capacity(one._settings) for one in (base, *services)}
    scores = {one.settings.text: one.score for one in ranked}
    found = default
    for one in sorted(services, key=lambda one: -capacities[one.name]):
        rate = first_rate(scores[one.name], capacities[one.name], capacities["default"])
        if compare(runner, one, base, rate, clock).is_better:
            found = one._settings
            break
    real = goodputs.get(found) or world.truth.goodput(found)
    assert real >= best * 0.9
    assert real >= goodputs[default]
    assert world.now < 50.0
