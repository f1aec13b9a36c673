"""What a comparison with the default says."""

from __future__ import annotations

from dataclasses import dataclass

from grps.tune.trials.result import Trial

Pairs = list[tuple[Trial, Trial]]
"""Trials of the winner, each beside that of the default."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What came of it.

    Attributes:
        is_better: Whether the winner is better than the default.
        rate: At which it is.
        pairs: The trials of the winner, each beside that of the default.
        reason: Why it is better, or why it is not.
        is_unanimous: Whether enough pairs say so, and none the opposite.
        soak: A longer trial in which the winner held the limit, at this rate or a lower one.
        lowered: The rate that longer trials left, if that is lower.
    """

    is_better: bool
    rate: float
    pairs: tuple[tuple[Trial, Trial], ...]
    reason: str
    is_unanimous: bool = False
    soak: Trial | None = None
    lowered: float | None = None

    @property
    def goodput(self) -> float:
        """The rate to plan with."""
        return self.rate if self.lowered is None else self.lowered

    @property
    def is_missed_by_default(self) -> bool:
        """Whether the default missed the limit at this rate, beside the winner that held it."""
        at = [pair for pair in self.pairs if pair[0].rate == self.rate]
        return any(one.holds and not other.holds for one, other in at)
