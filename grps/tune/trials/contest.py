"""Starts the best predicted settings beside the default and finds out which is better."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from grps.config.schema import ModelConfig
from grps.errors import GrpsError
from grps.perf.report.text import rate_text
from grps.tune.goal import Goal
from grps.tune.ranking import Ranked, shortlist
from grps.tune.search import Report
from grps.tune.settings import Settings, model_config
from grps.tune.space import native_form
from grps.tune.trials.at_rate import CONFIRMING_TRIALS, confirm_at, race_at
from grps.tune.trials.by_turns import HELD_SHARE, compare, first_rate
from grps.tune.trials.capacity import MORE_TURNS, TURNS, Capacities
from grps.tune.trials.clock import Clock
from grps.tune.trials.confirmation import Confirmation
from grps.tune.trials.result import Trial
from grps.tune.trials.runner import LEAST_SOAK_S, Trials
from grps.tune.trials.service import Setting, TrialService, running
from grps.tune.trials.soak import soak

DEFAULT = "default"
"""What the configuration that is there is called in trials."""
_MOST = 5
"""Settings that are tried beside the default."""
_RACE_TRIALS = 3
"""Trials of one entrant at the rate of a goal; a guess of the time that it takes."""
_LEAST_ENTERED = 3
"""Services of which it is measured what they serve at most, however little time there is."""
_END_TRIALS = 8
"""Trials by turns that have their time before more services are started; a guess."""
_DEFAULT_TRIALS, _DEFAULT_SHARE = 5, 0.8
"""How the rate that the default holds is looked for: from a share of its capacity."""
_CLOSE_ENOUGH = 1.1
_NOT_SOAKED = "no longer trial confirmed the rate: plan with less, or give more time by --max_time"


@dataclass(frozen=True, slots=True)
class Entered:
    """Settings that were tried under load.

    Attributes:
        name: What trials call them.
        ranked: The settings, and what was predicted.
    """

    name: str
    ranked: Ranked


class Contest:
    """The services of one search.

    Attributes:
        trials: What ran.
        notes: What else has to be known.
        entered: What was tried beside the default.
        capacities: What services serve at most, as far as that was measured.
        default: The service with the default.
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
        self._stack = stack
        self.trials = Trials(setting.goal, self._report_trial, most_others)
        self.notes: list[str] = []
        self.capacities = Capacities(setting.goal, setting.concurrency, self._report_capacity)
        self.entered: list[Entered] = []
        self._services: list[TrialService] = []
        began = time.monotonic()
        self.default = self._started(DEFAULT, config)
        self._start_s = time.monotonic() - began

    @property
    def _goal(self) -> Goal:
        return self._setting.goal

    def run(self, ranked: Sequence[Ranked]) -> tuple[Settings | None, Confirmation | None]:
        """Return the winner, unless that is the default, and how it did beside the default."""
        rate = self._goal.rate or max(1.0, HELD_SHARE * ranked[0].score)
        services = self._entrants(ranked, rate)
        if self._goal.rate is not None:
            return self._at_rate(services, rate)
        if not services:
            return None, None
        winner, found = self._best(self._strongest_first(services, rate))
        if found.is_better:
            found = soak(self.trials, winner, found, self._clock)
            if found.soak is None:
                self.notes.append(_NOT_SOAKED)
            self._measure_default(found.rate)
        return self._entered(winner).ranked.settings, found

    def _at_rate(
        self, services: Sequence[TrialService], rate: float
    ) -> tuple[Settings | None, Confirmation | None]:
        entrants = [self.default, *services]
        name = race_at(self.trials, entrants, rate, self._clock, self._end_s(rate))
        winner = next((one for one in services if one.name == name), None)
        if winner is None:
            return None, None
        self._report("confirmation", winner.name)
        found = confirm_at(self.trials, winner, self.default, rate)
        return self._entered(winner).ranked.settings, found

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
        return compare(self.trials, service, self.default, rate, self._clock)

    def _first_rate(self, service: TrialService) -> float:
        capacities, predicted = self.capacities.found, self._entered(service).ranked.score
        return first_rate(predicted, capacities[service.name], capacities[DEFAULT])

    def _strongest_first(self, services: Sequence[TrialService], rate: float) -> list[TrialService]:
        """Return those that may be the best."""
        capacities = self.capacities
        capacities.measure([self.default, *services], rate, TURNS)
        strong = capacities.strong(services)
        left_s = self._clock.left_s - self._end_s(rate)
        turns = min(MORE_TURNS, int(left_s / (len(strong) * capacities.cost_s)))
        if len(strong) > 1 and turns > 0:
            capacities.measure(strong, rate, turns)
        return capacities.strong(strong)

    def _entered(self, service: TrialService) -> Entered:
        return next(one for one in self.entered if one.name == service.name)

    def _end_s(self, rate: float) -> float:
        """Return how long the trials by turns take, and the longer one."""
        trial_s = self.trials.cost_s(rate)
        if self._goal.rate is not None:
            return CONFIRMING_TRIALS * trial_s
        return _END_TRIALS * trial_s + LEAST_SOAK_S

    def stop(self) -> None:
        """Let all services end at the same time; the stack waits for them."""
        for service in self._services:
            service.stop()

    def _entrants(self, ranked: Sequence[Ranked], rate: float) -> list[TrialService]:
        """Start services with the best settings, as many as there is time for."""
        left_s = self._clock.left_s - self._end_s(rate)
        if self._goal.rate is None:
            count = int(left_s / (self._start_s + TURNS * self.capacities.cost_s))
            least = _LEAST_ENTERED
        else:
            count = int(left_s / (self._start_s + _RACE_TRIALS * self.trials.cost_s(rate)))
            least = 1
        services: list[TrialService] = []
        for one in self._chosen(ranked, min(_MOST, max(least, count))):
            if services and self._clock.left_s < self._end_s(rate):
                break
            name = one.settings.text
            self._report("services", f"starting {name}")
            try:
                services.append(self._started(name, model_config(self._config, one.settings)))
            except GrpsError as error:
                self.notes.append(f"left out: {name}: {error}")
                continue
            self.entered.append(Entered(name, one))
        return services

    def _chosen(self, ranked: Sequence[Ranked], count: int) -> list[Ranked]:
        """Return what is tried: in native form if there is one, the best in both forms."""
        chosen: list[Ranked] = []
        for one in shortlist(ranked, count):
            native = native_form(one.settings, self._config)
            if native is not None:
                chosen.append(Ranked(native, one.score, one.predicted))
            if native is None or (one is ranked[0] and count > _LEAST_ENTERED):
                chosen.append(one)
        return chosen[:count]

    def _started(self, name: str, config: ModelConfig) -> TrialService:
        service = self._stack.enter_context(running(name, config, self._setting))
        self._services.append(service)
        return service

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
            if not trials.run(self.default, rate).holds:
                missed = rate

    def _report_capacity(self, name: str, capacity: float) -> None:
        self._report("capacity", f"{rate_text(capacity)} requests/s: {name}")

    def _report_trial(self, trial: Trial) -> None:
        said = "holds" if trial.holds else "misses"
        about = trial.why or f"{self._goal.limit.metric} {trial.latency_ms:.3g} ms"
        self._report("load", f"{rate_text(trial.rate)} requests/s: {trial.name} {said} ({about})")
