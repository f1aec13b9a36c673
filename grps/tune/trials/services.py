"""Starts the services of one search, some at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

from grps.config.schema import ModelConfig
from grps.errors import GrpsError
from grps.machine import usable_cpus
from grps.tune.ranking import Ranked
from grps.tune.search import Report
from grps.tune.settings import model_config
from grps.tune.trials.service import Setting, TrialService, running

DEFAULT = "default"
"""What the configuration that is there is called in trials."""
_AT_ONCE_SHARE = 0.7
"""Of the time of a start, what each of several at once takes on the average; a guess."""


@dataclass(frozen=True, slots=True)
class Entered:
    """Settings that were tried under load.

    Attributes:
        name: What trials call them.
        ranked: The settings, and what was predicted.
    """

    name: str
    ranked: Ranked


class Services:
    """The services of one search.

    Attributes:
        entered: What was started beside the default.
        notes: What could not be started.
        default: The service with the default.
        start_s: How long each of several services takes to start; a guess.
    """

    def __init__(
        self, config: ModelConfig, setting: Setting, report: Report, stack: ExitStack
    ) -> None:
        """Start the default.

        Args:
            config: The model as it is configured.
            setting: What services have in common.
            report: Receives the progress.
            stack: Ends the services.
        """
        self._config = config
        self._setting = setting
        self._report = report
        self._stack = stack
        self._cpus = usable_cpus()
        self._all: list[TrialService] = []
        self.entered: list[Entered] = []
        self.notes: list[str] = []
        began = time.monotonic()
        self.default = self._started(DEFAULT, config)
        self.start_s = time.monotonic() - began
        if self._cpus > 1:
            self.start_s *= _AT_ONCE_SHARE

    def start(self, chosen: Sequence[Ranked], is_late: Callable[[], bool]) -> list[TrialService]:
        """Start services, as many at once as there are processors.

        Args:
            chosen: Their settings.
            is_late: Whether there is no time for another one; the first one is started anyway.

        Returns:
            Those that run, in the order of their settings.
        """
        entered = [Entered(one.settings.text, one) for one in chosen]
        for one in entered:
            self._report("services", f"starting {one.name}")

        def start(one: Entered) -> TrialService | None:
            if one is not entered[0] and is_late():
                return None
            settings = one.ranked.settings
            try:
                return self._started(one.name, model_config(self._config, settings))
            except GrpsError as error:
                self.notes.append(f"left out: {one.name}: {error}")
                return None

        pool = ThreadPoolExecutor(self._cpus, "start")
        try:
            found = [one for one in pool.map(start, entered) if one is not None]
        finally:
            pool.shutdown(cancel_futures=True)
        names = {one.name for one in found}
        self.entered += [one for one in entered if one.name in names]
        return found

    def ranked(self, service: TrialService) -> Ranked:
        """Return the settings of a service, and what was predicted of them."""
        return next(one.ranked for one in self.entered if one.name == service.name)

    def stop(self, unless: Sequence[TrialService] = ()) -> None:
        """Let services end at the same time; the stack waits for them.

        Args:
            unless: Those that go on.
        """
        for service in self._all:
            if service not in unless:
                service.stop()

    def _started(self, name: str, config: ModelConfig) -> TrialService:
        service = self._stack.enter_context(running(name, config, self._setting))
        self._all.append(service)
        return service
