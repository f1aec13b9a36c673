"""Finds the settings with the best value at a rate that is given: for cost and latency."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from grps.perf.report.text import rate_text
from grps.tune.goal import Goal
from grps.tune.trials.clock import Clock
from grps.tune.trials.confirmation import Confirmation, Pairs
from grps.tune.trials.result import Trial
from grps.tune.trials.runner import Entrant, Trials

_PAIRS = 3
CONFIRMING_TRIALS = 2 * _PAIRS
"""Of the winner and the default, after a race."""
_CLEARLY = 0.97
"""Ratio of two values from which on one is better."""


def race_at(
    trials: Trials, entrants: Sequence[Entrant], rate: float, clock: Clock, end_s: float
) -> str | None:
    """Return the name of the service with the best value of the goal at its rate.

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
        holders.sort(key=lambda one: statistics.fmean(values[one.name]))
        leader = holders[0].name
        if len(holders) == 1:
            break
        alive = holders[: math.ceil(len(holders) / 2)]
    return leader


def value_of(goal: Goal, trial: Trial) -> float:
    """Return what of a trial is to be low."""
    return trial.cpu_ms if goal.objective == "cost" else trial.latency_ms


def confirm_at(trials: Trials, winner: Entrant, default: Entrant, rate: float) -> Confirmation:
    """Compare the winner with the default at the rate of a goal: each counts by most of its trials.

    Args:
        trials: Runs trials.
        winner: The winner of the race.
        default: The default.
        rate: The rate.
    """
    pairs = [(trials.run(winner, rate), trials.run(default, rate)) for _ in range(_PAIRS)]
    if not _mostly(one.holds for one, _ in pairs):
        return Confirmation(False, rate, tuple(pairs), "the winner did not hold the limit again")
    if _mostly(other.holds for _, other in pairs):
        return _by_value(trials, rate, pairs)
    limit = trials.goal.limit.text
    reason = f"it holds {limit} at {rate_text(rate)} requests/s, the default does not"
    is_unanimous = all(one.holds and not other.holds for one, other in pairs)
    return Confirmation(True, rate, tuple(pairs), reason, is_unanimous)


def _by_value(trials: Trials, rate: float, pairs: Pairs) -> Confirmation:
    values = [tuple(value_of(trials.goal, one) for one in pair) for pair in pairs]
    new, old = (statistics.median(pair[place] for pair in values) for place in (0, 1))
    what = "CPU time of a request" if trials.goal.objective == "cost" else "latency"
    reason = f"{what} {new:.3g} ms, that of the default is {old:.3g} ms"
    lower = {one < other * _CLEARLY for one, other in values}
    return Confirmation(new < old * _CLEARLY, rate, tuple(pairs), reason, len(lower) == 1)


def _mostly(answers: Iterable[bool]) -> bool:
    every = list(answers)
    return sum(every) * 2 > len(every)
