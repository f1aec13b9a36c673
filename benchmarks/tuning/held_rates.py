"""The highest rates that some services hold, measured by turns.

All services take turns, so that all of them see a machine that gets slower or faster alike.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from grps.tune.trials.race import Entrant, Trials

Key = TypeVar("Key", bound=Hashable)
_STEP = 1.05
_LOWEST = 1.0
"""Where it ends if a service holds nothing."""
_TRIALS, _MISSES = 5, 2
"""Trials at each rate, of which most have to hold, and rates in a row that are too high."""


def held_rates(services: Mapping[Key, Entrant], first: float, trials: Trials) -> dict[Key, float]:
    """Return the highest rate that each service holds in most trials.

    Args:
        services: The services.
        first: The rate at which all of them begin.
        trials: Runs trials.
    """
    climbs = {key: _Climb(service, first) for key, service in services.items()}
    while left := [one for one in climbs.values() if not one.has_ended]:
        for one in left:
            one.go_on(trials)
    return {key: climb.held for key, climb in climbs.items()}


class _Climb:
    """Finds the highest rate that a service holds in most trials, a step at a time."""

    def __init__(self, service: Entrant, first: float) -> None:
        """Begin at a rate."""
        self._service = service
        self.held = 0.0
        self._rate = first
        self._holds: list[bool] = []
        self._misses = 0

    @property
    def has_ended(self) -> bool:
        """Whether two rates in a row were too high, or all were."""
        return self._misses >= _MISSES if self.held else self._rate < _LOWEST

    def go_on(self, trials: Trials) -> None:
        """Run one trial."""
        self._holds.append(trials.run(self._service, self._rate).holds)
        most = _TRIALS // 2 + 1
        if self._holds.count(True) >= most:
            self.held, self._misses = self._rate, 0
            self._rate *= _STEP
        elif self._holds.count(False) >= most:
            self._misses += 1
            self._rate = self._rate * _STEP if self.held else self._rate / _STEP**2
        else:
            return
        self._holds.clear()
