"""Successive halving under load: rates rise until one of several services is left."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from grps.tune.goal import Goal
from grps.tune.trials.clock import Clock
from grps.tune.trials.result import Trial

_REQUESTS = 300
"""Of a trial, if that takes neither too short nor too long: a 99th percentile needs some."""
_SHORTEST_S, _LONGEST_S = 1.0, 2.0
_LIMITS, _LIMITS_S = 4, 4.0
"""A trial is so many times as long as the limit, up to some seconds: a queue that grows needs time
to exceed it."""
_CLOSE = 1.5
"""A miss by less than this ratio is tried again."""
_UP, _DOWN = 1.3, 0.7
_NEAR_ENOUGH = 1.09
"""Ratio of the rates between which the best one is not looked for any more."""
_CLEARLY_MORE = 1.1
"""Ratio of what two services serve at most."""
_SURELY_TOO_MUCH = 1.05
"""Ratio of a rate to what a service serves at most, from which on it is not tried."""
_BEGIN, _BEGIN_SLOW = 0.7, 0.6
"""Share of the largest capacity at which to begin. Less where trials are as long as they can be: a
rate that no service holds takes too much of the time there."""
_SEEDS = 1000
_MOST_DISTURBED = 5
"""Trials that are repeated: with more, there is no verdict in the end."""
BEGIN_S = 0.5
"""What a trial takes besides its seconds."""
LEAST_SOAK_S = 3.0 + BEGIN_S
"""What the longer trial at the end takes at least."""


class Entrant(Protocol):
    """A service that can be tried."""

    @property
    def name(self) -> str:
        """What it is called."""

    def at(self, rate: float, seconds: float, seed: int) -> Trial:
        """Try it at a rate."""


@dataclass(frozen=True, slots=True)
class Finish:
    """How a race ended.

    Attributes:
        winner: The name of the best one; ``None`` if none held the limit.
        rate: The highest rate that it held.
    """

    winner: str | None
    rate: float


class Trials:
    """Runs trials and keeps what they found."""

    def __init__(
        self, goal: Goal, report: Callable[[Trial], None], most_others: float = math.inf
    ) -> None:
        """Begin without any.

        Args:
            goal: What has to hold.
            report: Receives each trial.
            most_others: Processors that others may use in a trial that counts at once.
        """
        self.goal = goal
        self.found: list[Trial] = []
        self.disturbed = 0
        self._report = report
        self._most_others = most_others

    def run(self, entrant: Entrant, rate: float, seconds: float | None = None) -> Trial:
        """Try a service at a rate; if others use the machine meanwhile, once more.

        Args:
            entrant: The service.
            rate: The rate.
            seconds: How long, if not as long as trials at this rate are.
        """
        seconds = seconds or self.seconds(rate)
        # All services get the same arrivals at a rate.
        earlier = sum(1 for one in self.found if (one.name, one.rate) == (entrant.name, rate))
        seed = 1 + earlier + round(rate * _SEEDS) % _SEEDS * _SEEDS
        trial = entrant.at(rate, seconds, seed)
        if trial.others > self._most_others and self.disturbed < _MOST_DISTURBED:
            self.disturbed += 1
            trial = entrant.at(rate, seconds, seed)
        self.found.append(trial)
        self._report(trial)
        return trial

    def run_twice(self, entrant: Entrant, rate: float) -> Trial:
        """Try a service at a rate, and again if it misses the limit by little.

        Then it holds if the mean of both does: the better of two would often be luck.
        """
        first = self.run(entrant, rate)
        if first.holds or first.latency_ms > self.goal.limit_ms * _CLOSE:
            return first
        second = self.run(entrant, rate)
        both_ms = mean([first.latency_ms, second.latency_ms])
        holds = both_ms <= self.goal.limit_ms and not second.why
        return replace(second, latency_ms=both_ms, holds=holds)

    def seconds(self, rate: float) -> float:
        """Return how long a trial at a rate is."""
        requests_s = min(_REQUESTS / rate, _LONGEST_S)
        limits_s = min(self.goal.limit_ms / 1000 * _LIMITS, _LIMITS_S)
        return max(requests_s, limits_s, _SHORTEST_S)

    def first_rate(self, capacity: float) -> float:
        """Return the rate at which to begin with services that serve so much at most."""
        is_slow = self.seconds(capacity) >= _LONGEST_S
        return capacity * (_BEGIN_SLOW if is_slow else _BEGIN)

    def cost_s(self, rate: float) -> float:
        """Return how long a trial takes in all."""
        return self.seconds(rate) + BEGIN_S

    def held_by(self, name: str, below: float = math.inf) -> float:
        """Return the highest rate below another one that a service has held; 0 if none."""
        rates = (one.rate for one in self.found if one.name == name and one.holds)
        return max((rate for rate in rates if rate < below), default=0.0)


def race(
    trials: Trials,
    entrants: Sequence[Entrant],
    rate: float,
    clock: Clock,
    end_s: float,
    capacities: Mapping[str, float],
) -> Finish:
    """Find the service that holds the limit at the highest rate.

    Those that miss the limit at a rate that another one holds are out, and as long as none has held
    it, the half with the longest latencies. If there is no time to try all of the others again,
    those that serve most go on, and of those that serve about as much, those with the shortest
    latencies. One that is out by a miss, but serves clearly more than the winner, is tried again at
    a higher rate than that of the winner.

    Args:
        trials: Runs trials.
        entrants: The services.
        rate: The first rate.
        clock: The time.
        end_s: Seconds that are to be left.
        capacities: What services serve at most, by name.
    """
    climb = _Climb(trials, capacities, clock, end_s)
    finish = climb.best(entrants, Finish(None, 0.0), rate)
    for one in _stronger(finish, entrants, capacities):
        rate = finish.rate * _NEAR_ENOUGH
        if clock.left_s - 2 * trials.cost_s(rate) < end_s:
            break
        if trials.run_twice(one, rate).holds:
            held = Finish(one.name, rate)
            finish = climb.best([one], held, rate * _UP)
    return finish


@dataclass(frozen=True, slots=True)
class _Climb:
    """Raises the rate until it is known what the best of some services holds."""

    trials: Trials
    capacities: Mapping[str, float]
    clock: Clock
    end_s: float

    def best(self, entrants: Sequence[Entrant], held: Finish, rate: float) -> Finish:
        """Return the best one, from what one of them has held."""
        alive = list(entrants)
        low, high, leader = held.rate, math.inf, held.winner
        while high / max(low, 1e-9) > _NEAR_ENOUGH:
            tried = alive
            if low:
                rate = min(rate, max(self._most(one) for one in alive))
                able = [one for one in alive if self._most(one) >= rate]
                tried = able[: self._affordable(rate)]
            if not tried or rate <= low or self.clock.left_s < self.end_s / 2:
                break
            found = [(one, self.trials.run_twice(one, rate)) for one in tried]
            found.sort(key=lambda pair: (pair[1].latency_ms, -pair[1].throughput))
            holders = self._strongest_first([one for one, trial in found if trial.holds])
            if holders:
                low, alive, leader = rate, holders, holders[0].name
            else:
                high = rate
                alive = alive if low else [one for one, _ in found[: _half(found)]]
            rate = _next(low, high)
        return Finish(leader, low)

    def _strongest_first(self, holders: Sequence[Entrant]) -> list[Entrant]:
        """Return those that serve clearly less than another one last."""
        best = max((self._capacity(one) for one in holders), default=0.0)
        return sorted(holders, key=lambda one: self._capacity(one) * _CLEARLY_MORE < best)

    def _affordable(self, rate: float) -> int:
        """Return how many trials there is time for."""
        return max(0, int((self.clock.left_s - self.end_s) / self.trials.cost_s(rate)))

    def _most(self, entrant: Entrant) -> float:
        """Return the highest rate that is worth a trial."""
        return self._capacity(entrant) * _SURELY_TOO_MUCH

    def _capacity(self, entrant: Entrant) -> float:
        return self.capacities.get(entrant.name, math.inf)


def _stronger(
    finish: Finish, entrants: Sequence[Entrant], capacities: Mapping[str, float]
) -> Iterator[Entrant]:
    """Yield those that serve clearly more than the winner, the strongest first."""
    least = capacities.get(finish.winner or "", math.inf) * _CLEARLY_MORE
    ordered = sorted(entrants, key=lambda one: -capacities.get(one.name, 0.0))
    yield from (one for one in ordered if capacities.get(one.name, 0.0) > least)


def _half(found: Sequence[object]) -> int:
    """Return how many are half of some, at least two."""
    return max(2, math.ceil(len(found) / 2))


def _next(low: float, high: float) -> float:
    if math.isinf(high):
        return low * _UP
    return math.sqrt(low * high) if low else high * _DOWN


def race_at(
    trials: Trials, entrants: Sequence[Entrant], rate: float, clock: Clock, end_s: float
) -> Finish:
    """Find the service with the best value of the goal at its rate.

    After each round, the better half of those that hold the limit stays.

    Args:
        trials: Runs trials.
        entrants: The services.
        rate: The rate.
        clock: The time.
        end_s: Seconds that are to be left.
    """
    alive = list(entrants)
    values: dict[str, list[float]] = {one.name: [] for one in entrants}
    leader: str | None = None
    while alive and clock.left_s - len(alive) * trials.cost_s(rate) >= (end_s if leader else 0.0):
        holders = []
        for one in alive:
            trial = trials.run_twice(one, rate)
            if trial.holds:
                values[one.name].append(value_of(trials.goal, trial))
                holders.append(one)
        if not holders:
            break
        holders.sort(key=lambda one: mean(values[one.name]))
        leader = holders[0].name
        if len(holders) == 1:
            break
        alive = holders[: math.ceil(len(holders) / 2)]
    return Finish(leader, rate if leader else 0.0)


def value_of(goal: Goal, trial: Trial) -> float:
    """Return what of a trial is to be low."""
    return trial.cpu_ms if goal.objective == "cost" else trial.latency_ms


def mean(values: Sequence[float]) -> float:
    """Return the mean of some values."""
    return sum(values) / len(values)
