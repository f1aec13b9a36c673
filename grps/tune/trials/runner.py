"""Runs trials under load and keeps what they found."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import fmean
from typing import Protocol

from grps.tune.goal import Goal
from grps.tune.trials.result import Trial

_REQUESTS = 300
"""Of a trial, if that takes neither too short nor too long: a 99th percentile needs some."""
_SHORTEST_S, _LONGEST_S = 1.0, 2.0
_LIMITS, _LIMITS_S = 4, 4.0
"""A trial is so many times as long as the limit, up to some seconds: a queue that grows needs time
to exceed it."""
_CLOSE = 1.5
"""A miss by less than this ratio is tried again."""
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
        both_ms = fmean([first.latency_ms, second.latency_ms])
        holds = both_ms <= self.goal.limit_ms and not second.why
        return replace(second, latency_ms=both_ms, holds=holds)

    def seconds(self, rate: float) -> float:
        """Return how long a trial at a rate is."""
        requests_s = min(_REQUESTS / rate, _LONGEST_S)
        limits_s = min(self.goal.limit_ms / 1000 * _LIMITS, _LIMITS_S)
        return max(requests_s, limits_s, _SHORTEST_S)

    def cost_s(self, rate: float) -> float:
        """Return how long a trial takes in all."""
        return self.seconds(rate) + BEGIN_S

    def held_by(self, name: str, below: float = math.inf) -> float:
        """Return the highest rate below another one that a service has held; 0 if none."""
        rates = (one.rate for one in self.found if one.name == name and one.holds)
        return max((rate for rate in rates if rate < below), default=0.0)
