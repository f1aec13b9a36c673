"""What a search has come to, with its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Literal

from grps.config.schema import ModelConfig
from grps.perf.report.text import rate_text
from grps.tune.curves.curve import Curves
from grps.tune.goal import Goal
from grps.tune.load_of_others import Use
from grps.tune.ranking import Ranked
from grps.tune.search import Search
from grps.tune.settings import Settings, differences, model_config
from grps.tune.trials.at_rate import value_of
from grps.tune.trials.confirmation import Confirmation
from grps.tune.trials.result import Trial
from grps.tune.trials.services import DEFAULT, Entered

Verdict = Literal["better", "keep", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a search.

    Attributes:
        verdict: ``better``: the settings are better than the default. ``keep``: none are. ``none``:
            the machine was not quiet enough to know.
        reason: Why, in a sentence.
        search: What was searched for.
        settings: The best settings; ``None`` unless they are better.
        curves: What was measured in process.
        ranked: What was predicted, the best first.
        entered: What was tried under load.
        trials: All trials.
        confirmation: The winner beside the default; ``None`` if it did not come to that.
        default_rate: The highest rate that the default has held.
        capacities: Requests per second that services serve at most, by their names, as far as that
            was measured.
        others: What others used of the machine.
        calibration_ms: A fixed piece of work before and after.
        notes: What else has to be known.
        machine: Facts of the machine.
        started_at: When it began, in ISO 8601.
        elapsed_s: How long it took.
    """

    verdict: Verdict
    reason: str
    search: Search
    settings: Settings | None
    curves: tuple[Curves, ...]
    ranked: tuple[Ranked, ...]
    entered: tuple[Entered, ...]
    trials: tuple[Trial, ...]
    confirmation: Confirmation | None
    default_rate: float
    capacities: Mapping[str, float] = field(default_factory=dict)
    others: Use
    calibration_ms: tuple[float, float]
    notes: tuple[str, ...]
    machine: dict[str, object]
    started_at: str
    elapsed_s: float

    @property
    def goal(self) -> Goal:
        """What was searched for."""
        return self.search.goal

    @property
    def base(self) -> ModelConfig:
        """The model as it is configured."""
        return self.search.config

    @property
    def changes(self) -> dict[str, Any]:
        """The keys of the model in ``inference.yml`` that are to change, with their values."""
        if self.settings is None:
            return {}
        return differences(self.base, model_config(self.base, self.settings))

    @property
    def gain(self) -> str:
        """By how much the settings are better; empty unless they are."""
        found = self.confirmation
        if self.verdict != "better" or found is None:
            return ""
        if self.goal.rate is None:
            return f"{rate_text(found.goodput)} requests/s{self._beside_default(found)}"
        new, old = (
            fmean(value_of(self.goal, pair[index]) for pair in found.pairs) for index in (0, 1)
        )
        what = "CPU time" if self.goal.objective == "cost" else self.goal.limit.metric
        return f"{what} {new:.3g} ms instead of {old:.3g} ms"

    def _beside_default(self, found: Confirmation) -> str:
        """Return how the default compares with the rate of a confirmation."""
        old, most = self.default_rate, self.capacities.get(DEFAULT, 0.0)
        if found.lowered is not None:
            return ""
        if old >= found.rate:
            return f" with a lower {self.goal.limit.metric} than the default"
        if old:
            return f" instead of {rate_text(old)} ({found.rate / old:.2f}x)"
        if 0 < most < found.rate:
            times = found.rate / most
            return f"; the default serves at most {rate_text(most)} ({times:.2f}x)"
        return "; the default held no rate that was tried"
