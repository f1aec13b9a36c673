"""Finds what services answer at most: requests per second while some are always open."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from grps.tune.goal import Goal
from grps.tune.trials.service import Closely

TURNS, MORE_TURNS = 3, 5
"""Of each service; more where no trials will tell those apart that serve about as much."""
_SHORTEST_S, _LONGEST_S, _LIMITS, _REQUESTS = 0.4, 2.0, 4, 100
"""A turn is so many times as long as the limit and has about so many requests, within bounds; not
longer, as the speed of a machine that others share changes from one second to the next."""
_BEGIN_S = 0.25
"""What a turn takes besides, most of it until the requests that are open have ended."""
_WEAK = 0.82
"""Services below this share of the largest capacity are not expected to be the best."""
_MOST_OPEN, _LEAST_OPEN = 32, 2
_MEAN_SHARE = 0.3
"""A guess of the mean latency as a share of the limit, where the limit is just held."""


class Busy(Protocol):
    """A service that can be kept busy."""

    @property
    def name(self) -> str:
        """What it is called."""

    def closed(self, concurrency: int, seconds: float) -> Closely:
        """Keep a number of requests open for a while."""


Service = TypeVar("Service", bound=Busy)


class Capacities:
    """What services answer at most.

    Attributes:
        found: Requests per second, by the names of services.
    """

    def __init__(self, goal: Goal, most: int, report: Callable[[str, float], None]) -> None:
        """Begin without any.

        Args:
            goal: With the limit.
            most: How many requests a service takes at once.
            report: Receives the name of a service and its capacity.
        """
        self.found: dict[str, float] = {}
        self._limit_s = goal.limit_ms / 1000
        self._most = most
        self._report = report
        self._turns: dict[str, list[float]] = {}

    def seconds(self, rate: float) -> float:
        """Return how long a turn is, by a guess of the rate of a service."""
        wanted_s = max(self._limit_s * _LIMITS, _REQUESTS / rate, _SHORTEST_S)
        return min(wanted_s, _LONGEST_S)

    def cost_s(self, rate: float) -> float:
        """Return how long a turn takes in all."""
        return self.seconds(rate) + _BEGIN_S

    def measure(
        self, services: Sequence[Busy], rate: float, turns: int, *, afresh: bool = False
    ) -> None:
        """Keep each service busy in some more turns; the median of all its turns counts.

        Args:
            services: The services.
            rate: A guess of the rate at which they just hold the limit: about as many requests are
                open as at this rate.
            turns: How many.
            afresh: Whether turns before these count no more: some of the services had none.
        """
        if afresh:
            self._turns.clear()
        likely = round(rate * self._limit_s * _MEAN_SHARE)
        open_at_once = min(max(likely, _LEAST_OPEN), _MOST_OPEN, self._most)
        for _ in range(turns):
            for one in services:
                throughput = one.closed(open_at_once, self.seconds(rate)).throughput
                self._turns.setdefault(one.name, []).append(throughput)
        for one in services:
            self.found[one.name] = statistics.median(self._turns[one.name])
            self._report(one.name, self.found[one.name])

    def strong(self, services: Sequence[Service]) -> list[Service]:
        """Return those that may be the best, the strongest first."""
        ordered = sorted(services, key=lambda one: -self.found[one.name])
        enough = _WEAK * self.found[ordered[0].name]
        return [one for one in ordered if self.found[one.name] >= enough]
