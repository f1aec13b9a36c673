"""Compares the winner of a race with the default, in trials by turns."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from grps.perf.report.text import rate_text
from grps.tune.trials.clock import Clock
from grps.tune.trials.race import LEAST_SOAK_S, Entrant, Trials, value_of
from grps.tune.trials.result import Trial

Pairs = list[tuple[Trial, Trial]]
"""Trials of the winner, each beside that of the default."""
_PAIRS = 3
_SHARES = (0.85, 0.7, 0.55, 0.4)
"""Of the rate that the winner held once: with room for a machine that gets slower, and lower if the
winner does not hold it again."""
_LIKELY_MISSED = 0.9
"""Share of what a service serves at most, at which it is likely to miss the limit."""
_RAISED, _MOST_RAISES = 1.12, 4
"""Ratio by which the rate rises while both hold the limit, and how often at most."""
_PAIR, _SHORTEST = 2, 4
"""Trials of a pair, and of the shortest comparison."""
_CLEARLY = 0.97
"""Ratio of two values from which on one is better."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What came of it.

    Attributes:
        is_better: Whether the winner is better than the default.
        rate: At which they were compared, or a lower one that the winner held in a longer trial.
        pairs: The trials of the winner, each beside that of the default.
        reason: Why it is better, or why it is not.
        is_unanimous: Whether each of the pairs says so; for a small difference there have to be
            three.
        soak: A longer trial in which the winner held the limit at the rate, which may be lower than
            that of the pairs.
    """

    is_better: bool
    rate: float
    pairs: tuple[tuple[Trial, Trial], ...]
    reason: str
    is_unanimous: bool = False
    soak: Trial | None = None


def confirm(
    trials: Trials,
    winner: Entrant,
    default: Entrant,
    rate: float,
    clock: Clock,
    capacity: float = 0.0,
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
        capacity: What the default serves at most, if that was measured.
    """
    comparison = _Comparison(trials, winner, default, clock, capacity)
    if trials.goal.rate is None:
        rate, pairs = comparison.at_the_best_rate(rate)
    else:
        pairs = comparison.pairs(rate, [])
    if not _winner_holds(pairs):
        return Confirmation(False, rate, tuple(pairs), "the winner did not hold the limit again")
    limit = trials.goal.limit.text
    is_unanimous = _agree(pairs)
    others = sum(other.holds for _, other in pairs)
    if others * 2 < len(pairs):
        reason = f"it holds {limit} at {rate_text(rate)} requests/s, the default does not"
        return Confirmation(True, rate, tuple(pairs), reason, is_unanimous)
    if trials.goal.rate is None:
        times = f"{others} of {len(pairs)} times"
        reason = f"the default holds {limit} at {rate_text(rate)} requests/s too, {times}"
        return Confirmation(False, rate, tuple(pairs), reason, is_unanimous)
    return _by_value(trials, rate, pairs)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Trials of the winner, each followed by one of the default."""

    trials: Trials
    winner: Entrant
    default: Entrant
    clock: Clock
    capacity: float

    def at_the_best_rate(self, held: float) -> tuple[float, Pairs]:
        """Return the rate at which to compare, and its pairs.

        Args:
            held: What the winner has held once.
        """
        rate, pairs = held, Pairs()
        first = self._first(held)
        lower = (held * share for share in _SHARES if held * share < first)
        for number, tried in enumerate((first, *lower)):
            if number and not self._has_time(rate):
                break
            rate, pairs = self._from(tried)
            if _winner_holds(pairs):
                break
        if _default_holds(pairs) and self._has_time(rate * _RAISED):
            higher, more = self._from(rate * _RAISED)
            if _winner_holds(more):
                return higher, more
        return rate, pairs

    def _first(self, held: float) -> float:
        """Return the first rate: one that the default is likely to miss."""
        if self.trials.held_by(self.default.name) >= held:
            return held * _RAISED
        return max(held * _SHARES[0], min(held, self.capacity * _LIKELY_MISSED))

    def _from(self, rate: float) -> tuple[float, Pairs]:
        """Return a rate with all of its pairs, or a higher one."""
        rate, first = self._raised(rate)
        return rate, self.pairs(rate, first)

    def _raised(self, rate: float) -> tuple[float, Pairs]:
        """Return the rate from which on one of them misses the limit, with its first pair.

        A race that bad luck has ended early leaves a rate that the default holds as well.
        """
        pairs = self._pair(rate)
        for _ in range(_MOST_RAISES):
            higher = rate * _RAISED
            if not _both_hold(pairs) or not self._has_time(higher):
                break
            more = self._pair(higher)
            if not more:
                break
            rate, pairs = higher, more
        return rate, pairs

    def _has_time(self, rate: float) -> bool:
        """Whether there is time for a comparison at another rate, without which none is better."""
        return self.clock.left_s >= _SHORTEST * self.trials.cost_s(rate)

    def _pair(self, rate: float) -> Pairs:
        """Return a pair, or none if the winner misses the limit."""
        one = self.trials.run(self.winner, rate)
        return [(one, self.trials.run(self.default, rate))] if one.holds else []

    def pairs(self, rate: float, first: Pairs) -> Pairs:
        """Return pairs of trials: three, or two if these agree and time is short.

        There are none if the winner misses the limit in most trials.

        Args:
            rate: At which to compare.
            first: A pair that is there already; without one, the winner has missed the limit once.
        """
        pairs = list(first)
        misses = 0 if pairs or self.trials.goal.rate is not None else 1
        while len(pairs) < _PAIRS:
            if len(pairs) >= 2 and self._has_to_end(rate, pairs):
                break
            one = self.trials.run(self.winner, rate)
            misses += not one.holds
            if misses > _PAIRS // 2:
                return []
            if one.holds or pairs:
                pairs.append((one, self.trials.run(self.default, rate)))
        return pairs

    def _has_to_end(self, rate: float, pairs: Pairs) -> bool:
        """Whether there is no time for another pair.

        If the others agree, the longer trial at the end says more; if not, it decides.
        """
        left_s, trial_s = self.clock.left_s, self.trials.cost_s(rate)
        if _agree(pairs):
            return left_s < _PAIR * trial_s + LEAST_SOAK_S
        return left_s < trial_s


def _by_value(trials: Trials, rate: float, pairs: Pairs) -> Confirmation:
    values = [tuple(value_of(trials.goal, one) for one in pair) for pair in pairs]
    new, old = (statistics.median(pair[place] for pair in values) for place in (0, 1))
    what = "CPU time of a request" if trials.goal.objective == "cost" else "latency"
    reason = f"{what} {new:.3g} ms, that of the default is {old:.3g} ms"
    lower = {one < other * _CLEARLY for one, other in values}
    is_unanimous = len(pairs) == _PAIRS and len(lower) == 1
    return Confirmation(new < old * _CLEARLY, rate, tuple(pairs), reason, is_unanimous)


def _both_hold(pairs: Pairs) -> bool:
    return bool(pairs) and all(one.holds and other.holds for one, other in pairs)


def _agree(pairs: Pairs) -> bool:
    return len({one.holds for one, _ in pairs}) == len({one.holds for _, one in pairs}) == 1


def _winner_holds(pairs: Pairs) -> bool:
    return _mostly(one.holds for one, _ in pairs)


def _default_holds(pairs: Pairs) -> bool:
    return _mostly(other.holds for _, other in pairs)


def _mostly(answers: Iterable[bool]) -> bool:
    every = list(answers)
    return sum(every) * 2 > len(every)
