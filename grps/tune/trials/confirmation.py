"""Compares the winner of a race with the default, in trials by turns."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from grps.perf.report.text import rate_text
from grps.tune.trials.clock import Clock
from grps.tune.trials.race import Entrant, Trials, value_of
from grps.tune.trials.result import Trial

_PAIRS = 3
_SHARES = (0.93, 0.82, 0.7)
"""Of the rate that the winner held once, by luck perhaps: tried until it holds one again."""
_RAISED, _MOST_RAISES = 1.12, 3
"""Ratio by which the rate rises while both hold the limit, and how often at most."""
_SHORTEST = 4
"""Trials of the shortest comparison."""
_CLEARLY = 0.97
"""Ratio of two values from which on one is better."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What came of it.

    Attributes:
        is_better: Whether the winner is better than the default.
        rate: At which they were compared.
        pairs: The trials of the winner, each beside that of the default.
        reason: Why it is better, or why it is not.
    """

    is_better: bool
    rate: float
    pairs: tuple[tuple[Trial, Trial], ...]
    reason: str


def confirm(
    trials: Trials, winner: Entrant, default: Entrant, rate: float, clock: Clock
) -> Confirmation:
    """Compare the winner with the default at a rate.

    For throughput, the winner has to hold the limit where the default misses it; the rate is
    lowered if the winner does not hold it again, and raised while both hold it. Each counts by most
    of its trials.

    Args:
        trials: Runs trials.
        winner: The winner of the race.
        default: The default.
        rate: The rate that the winner has held, or that of the goal.
        clock: The time.
    """
    held, pairs = rate, []
    for number, share in enumerate(_SHARES if trials.goal.rate is None else (1.0,)):
        if number and clock.left_s < _SHORTEST * trials.cost_s(rate):
            break
        rate = held * share
        pairs = _pairs(trials, winner, default, rate, clock)
        if _holds([one for one, _ in pairs]):
            break
    if not _holds([one for one, _ in pairs]):
        return Confirmation(False, rate, tuple(pairs), "the winner did not hold the limit again")
    if trials.goal.rate is None:
        rate, pairs = _raised(trials, winner, default, rate, pairs, clock)
    limit = trials.goal.limit.text
    others = [other.holds for _, other in pairs]
    if sum(others) * 2 < len(others):
        reason = f"it holds {limit} at {rate_text(rate)} requests/s, the default does not"
        return Confirmation(True, rate, tuple(pairs), reason)
    if trials.goal.rate is None:
        times = f"{sum(others)} of {len(others)} times"
        reason = f"the default holds {limit} at {rate_text(rate)} requests/s too, {times}"
        return Confirmation(False, rate, tuple(pairs), reason)
    return _by_value(trials, rate, pairs)


def _raised(
    trials: Trials,
    winner: Entrant,
    default: Entrant,
    rate: float,
    pairs: list[tuple[Trial, Trial]],
    clock: Clock,
) -> tuple[float, list[tuple[Trial, Trial]]]:
    """Return a higher rate with its pairs, if the winner holds the limit there; else those given.

    A race that bad luck has ended early leaves a rate that the default holds as well.
    """
    for _ in range(_MOST_RAISES):
        higher = rate * _RAISED
        late = clock.left_s < _SHORTEST * trials.cost_s(higher)
        if late or not _holds([other for _, other in pairs]):
            break
        more = _pairs(trials, winner, default, higher, clock)
        if not _holds([one for one, _ in more]):
            break
        rate, pairs = higher, more
    return rate, pairs


def _by_value(trials: Trials, rate: float, pairs: list[tuple[Trial, Trial]]) -> Confirmation:
    new = statistics.median(value_of(trials.goal, one) for one, _ in pairs)
    old = statistics.median(value_of(trials.goal, other) for _, other in pairs)
    what = "CPU time of a request" if trials.goal.objective == "cost" else "latency"
    reason = f"{what} {new:.3g} ms, that of the default is {old:.3g} ms"
    return Confirmation(new < old * _CLEARLY, rate, tuple(pairs), reason)


def _pairs(
    trials: Trials, winner: Entrant, default: Entrant, rate: float, clock: Clock
) -> list[tuple[Trial, Trial]]:
    """Return pairs of trials: three, or two if these agree and time is short.

    There are none if the winner misses the limit in most trials.
    """
    pairs: list[tuple[Trial, Trial]] = []
    misses = 0
    while len(pairs) < _PAIRS:
        late = clock.left_s < 2 * trials.cost_s(rate)
        if len(pairs) >= 2 and late and (_agree(pairs) or clock.left_s < 0):
            break
        one = trials.run(winner, rate)
        misses += not one.holds
        if misses > _PAIRS // 2:
            return []
        if one.holds or pairs:
            pairs.append((one, trials.run(default, rate)))
    return pairs


def _agree(pairs: list[tuple[Trial, Trial]]) -> bool:
    return len({one.holds for one, _ in pairs}) == len({one.holds for _, one in pairs}) == 1


def _holds(trials: list[Trial]) -> bool:
    return sum(one.holds for one in trials) * 2 > len(trials)
