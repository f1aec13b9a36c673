"""Tries the best predicted settings beside the default and finds out which is better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack

from grps.config.schema import ModelConfig
from grps.perf.report.text import rate_text
from grps.tune.goal import Goal
from grps.tune.ranking import Ranked
from grps.tune.search import Report
from grps.tune.settings import Settings
from grps.tune.trials.at_rate import CONFIRMING_TRIALS, confirm_at, race_at
from grps.tune.trials.by_turns import HELD_SHARE, compare, first_rate
from grps.tune.trials.capacity import MORE_TURNS, TURNS, Capacities
from grps.tune.trials.choice import first_choice, in_both_forms, neighbours
from grps.tune.trials.clock import Clock
from grps.tune.trials.confirmation import Confirmation
from grps.tune.trials.result import Trial
from grps.tune.trials.runner import LEAST_SOAK_S, Trials
from grps.tune.trials.service import Setting, TrialService
from grps.tune.trials.services import DEFAULT, Services
from grps.tune.trials.soak import soak

_MOST, _MOST_STRONG = 5, 2
"""Settings that are tried beside the default, and those of them that are tried further."""
_RACE_TRIALS = 3
"""Trials of one entrant at the rate of a goal; a guess of the time that it takes."""
_LEAST_ENTERED = 3
"""Services of which it is measured what they serve at most, however little time there is."""
_LEAST_TURNS = 2
"""Turns that say which of services alike in most things is the strongest."""
_END_TRIALS = 8
"""Trials by turns that have their time before more services are started; a guess."""
_DEFAULT_TRIALS, _DEFAULT_SHARE = 5, 0.8
"""How the rate that the default holds is looked for: from a share of its capacity."""
_CLOSE_ENOUGH = 1.1
_NOT_SOAKED = "no longer trial confirmed the rate: plan with less, or give more time by --max_time"


class Contest:
    """What is tried in one search.

    Attributes:
        trials: What ran.
        notes: What else has to be known.
        capacities: What services serve at most, as far as that was measured.
        services: What was started.
    """

    def __init__(
        self,
        config: ModelConfig,
        setting: Setting,
        clock: Clock,
        report: Report,
        stack: ExitStack,
        most_others: float = math.inf,
    ) -> None:
        """Start the default.

        Args:
            config: The model as it is configured.
            setting: What services have in common.
            clock: The time.
            report: Receives the progress.
            stack: Ends the services.
            most_others: Processors that others may use in a trial that counts at once.
        """
        self._config = config
        self._setting = setting
        self._clock = clock
        self._report = report
        self.trials = Trials(setting.goal, self._report_trial, most_others)
        self.notes: list[str] = []
        self.capacities = Capacities(setting.goal, setting.concurrency, self._report_capacity)
        self.services = Services(config, setting, report, stack)

    @property
    def _goal(self) -> Goal:
        return self._setting.goal

    def run(self, ranked: Sequence[Ranked]) -> tuple[Settings | None, Confirmation | None]:
        """Return the winner, unless that is the default, and how it did beside the default."""
        if self._goal.rate is not None:
            return self._at_rate(ranked, self._goal.rate)
        ordered = self._strongest_first(ranked, max(1.0, HELD_SHARE * ranked[0].score))
        if not ordered:
            return None, None
        winner, found = self._best(ordered)
        if found.is_better:
            found = soak(self.trials, winner, found, self._clock)
            if found.soak is None:
                self.notes.append(_NOT_SOAKED)
            if found.is_missed_by_default:
                self._measure_default(found.rate)
        return self.services.ranked(winner).settings, found

    def _at_rate(
        self, ranked: Sequence[Ranked], rate: float
    ) -> tuple[Settings | None, Confirmation | None]:
        end_s = CONFIRMING_TRIALS * self.trials.cost_s(rate)
        each_s = self.services.start_s + _RACE_TRIALS * self.trials.cost_s(rate)
        count = min(_MOST, max(1, int((self._clock.left_s - end_s) / each_s)))
        chosen = in_both_forms(ranked, self._config, count)
        services = self.services.start(chosen, lambda: self._clock.left_s < end_s)
        entrants = [self.services.default, *services]
        name = race_at(self.trials, entrants, rate, self._clock, end_s)
        winner = next((one for one in services if one.name == name), None)
        if winner is None:
            return None, None
        self._report("confirmation", winner.name)
        found = confirm_at(self.trials, winner, self.services.default, rate)
        return self.services.ranked(winner).settings, found

    def _strongest_first(self, ranked: Sequence[Ranked], rate: float) -> list[TrialService]:
        """Return services that may be the best; of those that differ in one thing only one."""
        capacities, each_s = self.capacities, self._each_s(rate)
        count = min(_MOST, max(_LEAST_ENTERED, int(self._spare_s(rate) / each_s)))
        chosen = first_choice(ranked, self._config, count)
        services = self.services.start(chosen, lambda: self._spare_s(rate) < 0)
        if not services:
            return []
        capacities.measure([self.services.default, *services], rate, TURNS)
        strong = capacities.strong(services)[:_MOST_STRONG]
        first, others = strong[0], strong[1:]
        self.services.stop(unless=[self.services.default, *strong])
        alike = self._neighbours(strong, ranked, rate)
        tried = [*strong, *alike]
        turns = min(MORE_TURNS, int(self._spare_s(rate) / (len(tried) * capacities.cost_s(rate))))
        if turns >= _LEAST_TURNS and len(tried) > 1:
            capacities.measure(tried, rate, turns, afresh=bool(alike))
            first = capacities.strong([first, *alike])[0]
        return capacities.strong([first, *others])

    def _neighbours(
        self, strong: Sequence[TrialService], ranked: Sequence[Ranked], rate: float
    ) -> list[TrialService]:
        """Start services that differ in one thing from the strongest, as far as there is time."""
        spare_s = self._spare_s(rate) - TURNS * len(strong) * self.capacities.cost_s(rate)
        count = max(0, int(spare_s / self._each_s(rate)))
        near = neighbours(ranked, self.services.ranked(strong[0]), self._config)
        tried = {one.name for one in self.services.entered}
        chosen = [one for one in near if one.settings.text not in tried][:count]
        return self.services.start(chosen, lambda: self._spare_s(rate) < 0)

    def _each_s(self, rate: float) -> float:
        """Return how long it takes to start a service and to measure its capacity."""
        return self.services.start_s + TURNS * self.capacities.cost_s(rate)

    def _spare_s(self, rate: float) -> float:
        """Return the time that is left before the trials by turns have to begin."""
        return self._clock.left_s - self._end_s(rate)

    def _best(self, ordered: Sequence[TrialService]) -> tuple[TrialService, Confirmation]:
        """Return the first service that is better than the default, or the last that was tried."""
        first, *others = ordered
        winner, found = first, self._compared(first)
        for one in others:
            if found.is_better or self._clock.left_s < self._end_s(self._first_rate(one)):
                break
            winner, found = one, self._compared(one)
        return winner, found

    def _compared(self, service: TrialService) -> Confirmation:
        self._report("confirmation", service.name)
        rate = self._first_rate(service)
        return compare(self.trials, service, self.services.default, rate, self._clock)

    def _first_rate(self, service: TrialService) -> float:
        capacities, predicted = self.capacities.found, self.services.ranked(service).score
        return first_rate(predicted, capacities[service.name], capacities[DEFAULT])

    def _end_s(self, rate: float) -> float:
        """Return how long the trials by turns take, and the longer one."""
        return _END_TRIALS * self.trials.cost_s(rate) + LEAST_SOAK_S

    def _measure_default(self, missed: float) -> None:
        """Find about the highest rate that the default holds, while there is time."""
        trials = self.trials
        for _ in range(_DEFAULT_TRIALS):
            low = trials.held_by(DEFAULT, missed)
            likely = min(missed, self.capacities.found[DEFAULT] or missed) * _DEFAULT_SHARE
            rate = math.sqrt(low * missed) if low else likely
            near = low and missed / low < _CLOSE_ENOUGH
            if near or self._clock.left_s < trials.cost_s(rate):
                return
            if not trials.run(self.services.default, rate).holds:
                missed = rate

    def _report_capacity(self, name: str, capacity: float) -> None:
        self._report("capacity", f"{rate_text(capacity)} requests/s: {name}")

    def _report_trial(self, trial: Trial) -> None:
        said = "holds" if trial.holds else "misses"
        about = trial.why or f"{self._goal.limit.metric} {trial.latency_ms:.3g} ms"
        self._report("load", f"{rate_text(trial.rate)} requests/s: {trial.name} {said} ({about})")
