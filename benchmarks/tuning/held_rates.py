"""The rates that some services hold in half of their trials, measured by turns.

All services take turns, so that all of them see a machine that gets slower or faster alike. The
rate of each rises after a trial that holds the limit and falls after one that misses it, so it
stays around the one that is looked for. One unlucky trial changes little: the mean of many counts.
"""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Mapping
from typing import TypeVar

from grps.tune.trials.runner import Entrant, Trials

Key = TypeVar("Key", bound=Hashable)
_STEP, _FAR = 1.05, 1.2
"""Ratio by which a rate changes; the larger one until the first trial that ends otherwise."""
_COUNTED = 60
"""Trials whose rates count."""
_LOWEST = 1.0
"""Where it ends if a service holds nothing."""


def held_rates(services: Mapping[Key, Entrant], first: float, trials: Trials) -> dict[Key, float]:
    """Return the rate that each service holds in half of its trials; 0 if it holds none.

    Args:
        services: The services.
        first: The rate at which all of them begin.
        trials: Runs trials.
    """
    searches = {key: _Staircase(service, first) for key, service in services.items()}
    while left := [one for one in searches.values() if not one.has_ended]:
        for one in left:
            one.go_on(trials)
    return {key: one.held for key, one in searches.items()}


class _Staircase:
    """Goes up and down around the rate that a service holds in half of its trials."""

    def __init__(self, service: Entrant, first: float) -> None:
        """Begin at a rate."""
        self._service = service
        self._rate = first
        self._before: bool | None = None
        self._is_near = False
        self._rates: list[float] = []

    @property
    def has_ended(self) -> bool:
        """Whether enough trials are counted, or all rates were too high."""
        return len(self._rates) >= _COUNTED or self._rate < _LOWEST

    @property
    def held(self) -> float:
        """The mean of the rates that count."""
        return statistics.geometric_mean(self._rates) if len(self._rates) >= _COUNTED else 0.0

    def go_on(self, trials: Trials) -> None:
        """Run one trial."""
        holds = trials.run(self._service, self._rate).holds
        self._is_near = self._is_near or self._before not in (None, holds)
        if self._is_near:
            self._rates.append(self._rate)
        self._before = holds
        step = _STEP if self._is_near else _FAR
        self._rate *= step if holds else 1 / step
