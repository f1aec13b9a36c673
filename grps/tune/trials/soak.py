"""Lets the winner serve for longer, at the rate at which it was better than the default."""

from __future__ import annotations

from dataclasses import replace

from grps.perf.report.text import rate_text
from grps.tune.trials.clock import Clock
from grps.tune.trials.confirmation import Confirmation
from grps.tune.trials.runner import BEGIN_S, LEAST_SOAK_S, Entrant, Trials

_LONGEST_S = 6.0
_SHARE = 0.5
"""Of the time that is left: another trial may follow."""
_LOWERED, _MOST = 0.85, 4
"""Ratio by which the rate falls if the limit is missed, and how many rates there are at most."""


def soak(trials: Trials, winner: Entrant, found: Confirmation, clock: Clock) -> Confirmation:
    """Lower the rate of a confirmation until the winner holds the limit in a longer trial.

    That the winner is better stays as it is: this says for how much it is good. Without time for
    such a trial, nothing changes.

    Args:
        trials: Runs trials.
        winner: What was better than the default.
        found: The confirmation of it.
        clock: The time.
    """
    rate, told = found.rate, found
    for _ in range(_MOST):
        left_s = clock.left_s
        if left_s < LEAST_SOAK_S:
            break
        seconds = min(max(left_s * _SHARE, LEAST_SOAK_S) - BEGIN_S, _LONGEST_S)
        trial = trials.run(winner, rate, seconds)
        about, at = f"{found.reason}; for {seconds:.0f} s", rate_text(rate)
        if trial.holds:
            lowered = rate if rate < found.rate else None
            return replace(found, reason=f"{about} it held {at}", soak=trial, lowered=lowered)
        rate *= _LOWERED
        reason = f"{about} it missed it at {at}, a lower rate was not tried"
        told = replace(found, reason=reason, lowered=rate)
    return told
