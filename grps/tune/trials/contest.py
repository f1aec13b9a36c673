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
from grps.tune.trials.clock import Clock
from grps.tune.trials.confirmation import Confirmation, confirm
from grps.tune.trials.race import LEAST_SOAK_S, Finish, Trials, race, race_at
from grps.tune.trials.result import Trial
from grps.tune.trials.service import Setting, TrialService, running
from grps.tune.trials.soak import soak

DEFAULT = "default"
"""What the configuration that is there is called in trials."""
_MOST = 5
"""Settings that are tried beside the default."""
_FIRST_RATE = 0.8
"""Share of the best prediction at which to begin."""
_MOST_OPEN = 32
_CAPACITY_BEGIN_S = 0.3
"""What a turn takes besides its seconds, most of it until the requests that are open have ended."""
_CAPACITY_S, _CAPACITY_TURNS = 0.35, 2
"""Short turns: the speed of a machine that others share changes from one second to the next."""
_WEAK = 0.7
"""Services below this share of the largest capacity hold no rate that the best one does not."""
_RACE_TRIALS, _SURELY_RACE = 3, 2
"""Trials of one entrant, and entrants whose trials get their time before more services are started;
a guess of the time that a race takes."""
_LEAST_ENTERED = 3
"""Services of which it is measured what they serve at most, however little time there is."""
_END_TRIALS = 4
"""Trials after a race, besides the longer one."""
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
        capacities: Requests per second that services serve at most, by name, as far as they were
            measured.
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
        self.capacities: dict[str, float] = {}
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
        rate = self._goal.rate or max(1.0, _FIRST_RATE * ranked[0].score)
        services = self._entrants(ranked, rate)
        finish = self._finish([self.default, *services], rate)
        winner = next((one for one in services if one.name == finish.winner), None)
        if winner is None:
            return None, None
        self._report("confirmation", winner.name)
        capacity = self.capacities.get(DEFAULT, 0.0)
        found = confirm(self.trials, winner, self.default, finish.rate, self._clock, capacity)
        if found.is_better and self._goal.rate is None:
            found = soak(self.trials, winner, self.default, found, self._clock)
            if found.is_better and found.soak is None:
                self.notes.append(_NOT_SOAKED)
            self._measure_default(found.rate)
        entered = next(one for one in self.entered if one.name == winner.name)
        return entered.ranked.settings, found

    def _finish(self, entrants: Sequence[TrialService], rate: float) -> Finish:
        """Return how the race among services ends."""
        if self._goal.rate is not None:
            return race_at(self.trials, entrants, rate, self._clock, self._end_s(rate))
        capacities = self.capacities = self._measured_capacities(entrants)
        rate = max(1.0, min(rate, self.trials.first_rate(max(capacities.values()))))
        end_s = self._end_s(rate)
        strong = self._strong(entrants, capacities, self._clock.left_s - end_s, rate)
        return race(self.trials, strong, rate, self._clock, end_s, capacities)

    def _end_s(self, rate: float) -> float:
        """Return how long what follows a race takes."""
        soak_s = LEAST_SOAK_S if self._goal.rate is None else 0.0
        return _END_TRIALS * self.trials.cost_s(rate) + soak_s

    def _strong(
        self,
        entrants: Sequence[TrialService],
        capacities: dict[str, float],
        left_s: float,
        rate: float,
    ) -> list[TrialService]:
        """Return those that may win, the strongest first, as many as there is time for."""
        enough = _WEAK * max(capacities.values())
        count = int(left_s / (_RACE_TRIALS * self.trials.cost_s(rate)))
        ordered = sorted(entrants, key=lambda one: -capacities[one.name])
        strong = [one for one in ordered if capacities[one.name] >= enough]
        # The default alone would be no race.
        least = 2 if strong[0] is self.default else 1
        return strong[: max(least, count)]

    def _measured_capacities(self, services: Sequence[TrialService]) -> dict[str, float]:
        """Return how many requests per second services answer that are always busy."""
        at_once = min(_MOST_OPEN, self._setting.concurrency)
        found = {one.name: 0.0 for one in services}
        for _ in range(_CAPACITY_TURNS):
            for one in services:
                throughput = one.closed(at_once, _CAPACITY_S).throughput
                found[one.name] = max(found[one.name], throughput)
        for name, throughput in found.items():
            self._report("capacity", f"{rate_text(throughput)} requests/s: {name}")
        return found

    def stop(self) -> None:
        """Let all services end at the same time; the stack waits for them."""
        for service in self._services:
            service.stop()

    def _entrants(self, ranked: Sequence[Ranked], rate: float) -> list[TrialService]:
        """Start services with the best settings, as many as there is time for."""
        trial_s = self.trials.cost_s(rate)
        left_s = self._clock.left_s - self._end_s(rate)
        if self._goal.rate is None:
            each_s = self._start_s + _CAPACITY_TURNS * (_CAPACITY_S + _CAPACITY_BEGIN_S)
            left_s -= _SURELY_RACE * _RACE_TRIALS * trial_s
            count = max(_LEAST_ENTERED, int(left_s / each_s))
        else:
            each_s = self._start_s + _RACE_TRIALS * trial_s
            count = max(1, int(left_s / each_s))
        services: list[TrialService] = []
        for one in self._chosen(ranked, min(_MOST, count)):
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
            likely = min(missed, self.capacities[DEFAULT]) * _DEFAULT_SHARE
            rate = math.sqrt(low * missed) if low else likely
            near = low and missed / low < _CLOSE_ENOUGH
            if near or self._clock.left_s < trials.cost_s(rate):
                return
            if not trials.run(self.default, rate).holds:
                missed = rate

    def _report_trial(self, trial: Trial) -> None:
        said = "holds" if trial.holds else "misses"
        about = trial.why or f"{self._goal.limit.metric} {trial.latency_ms:.3g} ms"
        self._report("load", f"{rate_text(trial.rate)} requests/s: {trial.name} {said} ({about})")
