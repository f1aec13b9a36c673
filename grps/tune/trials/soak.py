"""Lets the winner serve for longer, at the rate at which it was better than the default."""

from __future__ import annotations

from dataclasses import replace

from grps.perf.report.text import rate_text
from grps.tune.trials.clock import Clock
from grps.tune.trials.confirmation import Confirmation
from grps.tune.trials.race import BEGIN_S, LEAST_SOAK_S, Entrant, Trials

_LONGEST_S = 6.0
_LOWERED, _MOST = 0.85, 4
"""Ratio by which the rate falls if the limit is missed, and how many rates there are at most."""


def soak(
    trials: Trials, winner: Entrant, default: Entrant, found: Confirmation, clock: Clock
) -> Confirmation:
    """Lower the rate of a confirmation until the winner holds the limit in a longer trial.

    At a lower rate, the default has to miss the limit again. Without time for such a trial, the
    confirmation stays as it is.

    Args:
        trials: Runs trials.
        winner: What was better than the default.
        default: The default.
        found: The confirmation of it.
        clock: The time.
    """
    limit = trials.goal.limit.text
    rate, reason = found.rate, found.reason
    for _ in range(_MOST):
        is_lower = rate < found.rate
        if clock.left_s < LEAST_SOAK_S + is_lower * trials.cost_s(rate):
            break
        at = f"{limit} at {rate_text(rate)} requests/s"
        if is_lower and trials.run(default, rate).holds:
            reason = f"the default holds {at} too"
            return replace(found, is_better=False, rate=rate, reason=reason, is_unanimous=False)
        seconds = min(clock.left_s - BEGIN_S, _LONGEST_S)
        trial = trials.run(winner, rate, seconds)
        if trial.holds:
            reason = f"it holds {at} for {seconds:.0f} s, the default does not"
            return replace(found, rate=rate, reason=reason, soak=trial)
        reason = f"it missed {at} for {seconds:.0f} s; the lower rate was not tried"
        rate *= _LOWERED
    return replace(found, rate=rate, reason=reason)
