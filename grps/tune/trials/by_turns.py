"""Finds out by turns whether settings hold the limit where the default misses it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from grps.perf.report.text import rate_text
from grps.tune.trials.clock import Clock
from grps.tune.trials.confirmation import Confirmation, Pairs
from grps.tune.trials.result import Trial
from grps.tune.trials.runner import LEAST_SOAK_S, Entrant, Trials

_STEP, _LEAST_STEP, _MOST_STEP = 1.12, 1.05, 1.25
"""Ratio by which the rate changes after a pair that says nothing: larger after another one in the
same direction, smaller when the direction changes."""
_CLEARLY, _NEAR = 1.5, 0.7
"""Ratio of two latencies from which on the lower one speaks for its side, and the share of the
limit that the higher one reaches then: far below the limit, latencies say little."""
_ENOUGH, _LEAST_LEAD = 3, 2
"""Pairs that one side has to be ahead: to end the comparison, and for settings to be better."""
_MOST_PAIRS = 12
HELD_SHARE = 0.85
"""Of what a service serves at most, or is predicted to hold: a guess of what it holds."""
_LEAST_SHARE = 0.85
"""Of that, at which to begin at least."""


def first_rate(predicted: float, capacity: float, default_capacity: float) -> float:
    """Return a rate between what both services are likely to hold.

    Args:
        predicted: What the service with other settings is predicted to hold.
        capacity: What it serves at most.
        default_capacity: What the default serves at most.
    """
    if not capacity:  # it answered nothing in most turns
        return max(1.0, HELD_SHARE * predicted)
    held = HELD_SHARE * min(predicted, capacity)
    ratio = math.sqrt(default_capacity / capacity)
    return max(1.0, held * min(1.0, max(_LEAST_SHARE, ratio)))


def compare(
    trials: Trials, candidate: Entrant, default: Entrant, rate: float, clock: Clock
) -> Confirmation:
    """Compare settings with the default in pairs of trials.

    A pair speaks for the one that holds the limit where the other one misses it. If both hold it,
    the next pair has a higher rate; if both miss it, a lower one. So a machine that gets slower or
    faster meanwhile changes the rate, but says nothing in favor of either. Such a pair speaks for
    the one with the clearly lower latency, where the other one is near the limit or beyond it. If
    none has held the limit where the other one missed it when time is over, such pairs decide, as
    long as they all speak for the candidate.

    Args:
        trials: Runs trials.
        candidate: The service with the settings.
        default: The default.
        rate: The first rate; best is one that the candidate holds and the default misses.
        clock: The time.
    """
    comparison = _Comparison(trials, candidate, default, rate)
    while comparison.is_open and _has_time(comparison, clock):
        comparison.go_on()
    return comparison.result()


def _has_time(comparison: _Comparison, clock: Clock) -> bool:
    left_s = clock.left_s - 2 * comparison.trials.cost_s(comparison.rate)
    return left_s >= (LEAST_SOAK_S if comparison.is_better else 0.0)


@dataclass(slots=True)
class _Comparison:
    """The pairs so far.

    Attributes:
        trials: Runs trials.
        candidate: The service with the settings.
        default: The default.
        rate: That of the next pair.
        pairs: The trials of the candidate, each beside that of the default.
    """

    trials: Trials
    candidate: Entrant
    default: Entrant
    rate: float
    pairs: Pairs = field(default_factory=Pairs)
    _step: float = _STEP
    _was_up: bool | None = None

    @property
    def is_open(self) -> bool:
        """Whether another pair may change the answer."""
        is_decided = self._lead <= -_ENOUGH or (self._lead >= _ENOUGH and self.is_better)
        return not is_decided and len(self.pairs) < _MOST_PAIRS

    @property
    def is_better(self) -> bool:
        """Whether the pairs so far say that the candidate is better."""
        return self._lead >= _LEAST_LEAD and any(map(_wins, self.pairs))

    def go_on(self) -> None:
        """Run a pair, and choose the next rate."""
        both = (self.candidate, self.default)
        # Who is first changes: so what changes steadily meanwhile favors neither.
        order = both[:: -1 if len(self.pairs) % 2 else 1]
        found = {one.name: self.trials.run(one, self.rate) for one in order}
        pair = (found[self.candidate.name], found[self.default.name])
        self.pairs.append(pair)
        if pair[0].holds == pair[1].holds:
            self._change_rate(is_up=pair[0].holds)

    def _change_rate(self, *, is_up: bool) -> None:
        if self._was_up is not None:
            changed = self._step**2 if self._was_up is is_up else math.sqrt(self._step)
            self._step = min(max(changed, _LEAST_STEP), _MOST_STEP)
        self._was_up = is_up
        self.rate *= self._step if is_up else 1 / self._step

    def result(self) -> Confirmation:
        """Return what the pairs say."""
        spoken = self._spoken
        wins, losses = spoken.count(1), spoken.count(-1)
        limit = self.trials.goal.limit.text
        is_better = self.is_better or self._is_better_by_latency
        if self.is_better:
            rate = self._best_rate()
            reason = f"it holds {limit} at {rate_text(rate)} requests/s, the default does not"
        elif is_better:
            rate = max(one.rate for one, _ in self.pairs if one.holds)
            metric = self.trials.goal.limit.metric
            reason = (
                f"of {len(self.pairs)} pairs of trials by turns, it had a clearly lower {metric} "
                f"near the limit in {wins}, the default in none; it held {limit} at "
                f"{rate_text(rate)} requests/s"
            )
        elif not self.pairs:
            rate, reason = self.rate, "there was no time to try the best settings by turns"
        elif not any(one.holds for one, _ in self.pairs):
            rate, reason = self.pairs[-1][0].rate, "the best settings held the limit at no rate"
        else:
            rate = self.pairs[-1][0].rate
            reason = (
                f"of {len(self.pairs)} pairs of trials by turns, {wins} spoke for the best "
                f"settings, {losses} for the default"
            )
        return Confirmation(
            is_better=is_better,
            rate=rate,
            pairs=tuple(self.pairs),
            reason=reason,
            is_unanimous=losses == 0 if is_better else wins == 0 and losses >= _LEAST_LEAD,
        )

    def _best_rate(self) -> float:
        """Return the highest rate at which only the candidate holds the limit in most pairs."""
        rates = sorted({one.rate for one, _ in self.pairs}, reverse=True)
        for rate in rates:
            at = [pair for pair in self.pairs if pair[0].rate == rate]
            if sum(map(_wins, at)) * 2 > len(at):
                return rate
        return next(one.rate for one, other in reversed(self.pairs) if _wins((one, other)))

    @property
    def _is_better_by_latency(self) -> bool:
        """Whether latencies alone say that the candidate is better, which held the limit once."""
        held = any(one.holds for one, _ in self.pairs)
        return held and self._lead >= _LEAST_LEAD and -1 not in self._spoken

    @property
    def _lead(self) -> int:
        return sum(self._spoken)

    @property
    def _spoken(self) -> list[int]:
        limit_ms = self.trials.goal.limit_ms
        return [_speaks_for(pair, limit_ms) for pair in self.pairs]


def _wins(pair: tuple[Trial, Trial]) -> bool:
    return pair[0].holds and not pair[1].holds


def _speaks_for(pair: tuple[Trial, Trial], limit_ms: float) -> int:
    """Return 1 if a pair speaks for the candidate, -1 if for the default, else 0."""
    one, other = pair
    if one.holds != other.holds:
        return 1 if one.holds else -1
    ones_ms, others_ms = (math.inf if trial.why else trial.latency_ms for trial in pair)
    low, high = sorted((ones_ms, others_ms))
    if high < limit_ms * _NEAR or math.isinf(low) or high < low * _CLEARLY:
        return 0
    return 1 if ones_ms < others_ms else -1
