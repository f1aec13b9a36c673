"""Orders settings by what the simulation predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grps.tune.goal import Goal
from grps.tune.prediction import FEW_REQUESTS, Predicted, Predictor
from grps.tune.settings import Settings

_EQUAL = 0.04
"""Share by which scores may differ without meaning anything."""
NEAR = 0.75
"""Settings below this share of the best score so far are not looked at closer."""
_WINDOWS = (0.05, 0.2)
"""Windows of ``wait: always``, as shares of the limit of the latency."""
_WINDOWED = 6
"""Of so many of the best settings."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Settings, and what is predicted of them.

    Attributes:
        settings: The settings.
        score: Higher is better: the goodput for throughput, else the negative CPU time or latency.
        predicted: At the goodput, or at the rate of the goal; ``None`` if they hold at no rate.
    """

    settings: Settings
    score: float
    predicted: Predicted | None


def rank(predictor: Predictor, every: Sequence[Settings], goal: Goal) -> list[Ranked]:
    """Return settings that are expected to hold the limit, the best first."""
    found = _ranked(predictor, every, goal, 0.0)
    batching = [one for one in found[:_WINDOWED] if one.settings.max_batch > 1]
    waiting = [
        replace(one.settings, wait_us=round(goal.limit_ms * 1000 * share))
        for one in batching
        for share in _WINDOWS
    ]
    best = found[0].score if found else 0.0
    more = _ranked(predictor, waiting, goal, best)
    return _ordered([*found, *more])


def share_of(score: float, best: float) -> float:
    """Return a score as a share of the best one: 1 if it is as good, less if it is worse."""
    return score / best if best > 0 else best / score


def _ordered(found: list[Ranked]) -> list[Ranked]:
    """Return the best first; of those that are about equal, the simplest."""
    best = max((one.score for one in found), default=0.0)

    def place(one: Ranked) -> tuple[int, tuple[int, ...], float]:
        settings = one.settings
        simplicity = (
            settings.wait_us is not None,
            settings.isolation == "process",
            len(settings.variant.options),
            settings.runs,
        )
        return int((1 - share_of(one.score, best)) / _EQUAL), simplicity, -one.score

    return sorted(found, key=place)


def _ranked(
    predictor: Predictor, every: Sequence[Settings], goal: Goal, best: float
) -> list[Ranked]:
    if goal.rate is None:
        found = _by_goodput(predictor, every, best)
    else:
        found = _by_value(predictor, every, goal, goal.rate)
    return _ordered(found)


def _by_goodput(predictor: Predictor, every: Sequence[Settings], best: float) -> list[Ranked]:
    # The largest capacities first, so that the others are soon below them.
    ordered = sorted(every, key=lambda one: -predictor.capacity(one))
    goodputs = []
    for one in ordered:
        goodput = predictor.goodput(one, best * NEAR)
        best = max(best, goodput)
        if goodput > 0:
            goodputs.append((one, goodput))
    return [
        Ranked(one, goodput, predictor.at(one, goodput))
        for one, goodput in goodputs
        if goodput >= best * NEAR
    ]


def _by_value(
    predictor: Predictor, every: Sequence[Settings], goal: Goal, rate: float
) -> list[Ranked]:
    found = []
    for one in every:
        if not predictor.holds(one, rate, FEW_REQUESTS):
            continue
        predicted = predictor.at(one, rate)
        value = predicted.cpu_ms if goal.objective == "cost" else predicted.latency_ms
        found.append(Ranked(one, -value, predicted))
    return found
