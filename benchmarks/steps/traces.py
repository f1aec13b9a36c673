"""Traces: when sequences arrive, how long they are, and which clients leave early."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

SIGMA = 1.0
"""Spread of mixed lengths: that of the answers of ShareGPT, roughly."""
LONGEST = 16
"""No sequence is longer than so many times the median."""
BURST = 64
"""Sequences that arrive at once."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """One client of a trace."""

    at_s: float
    """When it arrives."""
    length: int
    """Outputs that it requests."""
    leaves_after: int | None = None
    """Outputs after which it disconnects; ``None`` for a client that stays."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a trace is made of."""

    arrivals: str
    """``poisson``, or ``bursts`` of ``BURST`` sequences at regular intervals."""
    lengths: str
    """``mixed`` is log-normal, ``equal`` gives all the median."""
    median: int
    """Median of the lengths."""
    seconds: float
    """Length of the trace."""
    leave: float = 0.0
    """Share of clients that disconnect before their last output."""
    seed: int = 0


def make_trace(plan: Plan, rate: float) -> list[Sequence]:
    """Return a trace of ``rate`` sequences per second; the same for the same seed."""
    chance = random.Random(plan.seed)
    trace = []
    for at_s in _arrivals(plan, rate, chance):
        length = _length(plan, chance)
        leaves = chance.random() < plan.leave and length > 1
        trace.append(Sequence(at_s, length, chance.randrange(1, length) if leaves else None))
    return trace


def mean_length(plan: Plan) -> float:
    """Return the mean of the lengths of a plan."""
    chance = random.Random(plan.seed)
    count = 20_000
    return sum(_length(plan, chance) for _ in range(count)) / count


def _arrivals(plan: Plan, rate: float, chance: random.Random) -> Iterator[float]:
    at_s = 0.0
    while at_s < plan.seconds:
        if plan.arrivals == "bursts":
            yield from [at_s] * BURST
            at_s += BURST / rate
        else:
            yield at_s
            at_s += chance.expovariate(rate)


def _length(plan: Plan, chance: random.Random) -> int:
    if plan.lengths == "equal":
        return plan.median
    length = round(plan.median * chance.lognormvariate(0.0, SIGMA))
    return min(max(1, length), plan.median * LONGEST)
