"""Instances of step models: one thread each, with an object of the user's of its own."""

from __future__ import annotations

import threading
from dataclasses import replace

from grps.backends.backend import Signature
from grps.backends.common.language.language_model import LanguageFacts, LanguageModel
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from grps.inference.runner import describe
from grps.inference.steps.model import StepModel
from grps.log import logger
from grps.server.loading.loaders import Report
from grps.server.loading.step_models import load_steps, step_runner
from grps.server.models.backoff import Backoff
from grps.server.models.instance import InstanceState, Life
from grps.server.native import Model, StepChannel


class StepInstance:
    """An instance of a step model."""

    def __init__(self, config: ModelConfig, index: int, report: Report) -> None:
        """Make an instance.

        Args:
            config: The configuration of this copy.
            index: Which copy of the model it is.
            report: Receives the progress.
        """
        self._config = config
        self._name = f"{config.key}#{index}"
        self._report = report
        self._lock = threading.Lock()
        self._step_model: StepModel | None = None
        self.state_bytes = 0
        """Bytes of one row of all slots; known once it is loaded."""
        self._channel: StepChannel | None = None
        self._thread: threading.Thread | None = None
        self._state = InstanceState(Life.NEW)
        self._stopping = threading.Event()

    @property
    def name(self) -> str:
        """Its name in logs."""
        return self._name

    @property
    def language(self) -> LanguageFacts | None:
        """What is known of it, once it is loaded; ``None`` when it is no language model."""
        loaded = self._loaded()
        return loaded.facts() if isinstance(loaded, LanguageModel) else None

    def load(self) -> Signature | None:
        """Load the user's object; see ``Instance.load``."""
        self._report("loading", f"loading {self._name}")
        self._step_model, self.state_bytes = load_steps(self._config)
        self._state = InstanceState(Life.LOADED)
        return None

    def start(self, model: Model, most_threads: int) -> None:
        """Start the thread; see ``Instance.start``."""
        step_model = self._loaded()
        self._state = InstanceState(Life.ALIVE)
        self._channel = model.attach_steps(self._name)
        self._thread = threading.Thread(
            target=self._run, args=(model, step_model), name=self._name, daemon=True
        )
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the thread; see ``Instance.join``."""
        if self._thread is not None:
            self._thread.join()
        self._let_go()

    def stop(self, timeout_s: float) -> bool:
        """Stop the thread; see ``Instance.stop``."""
        self._stopping.set()
        with self._lock:
            channel, thread = self._channel, self._thread
        if channel is not None:
            channel.stop()
        if thread is not None:
            thread.join(timeout_s)
        self._let_go()
        return thread is None or not thread.is_alive()

    def set_log_level(self, level: str) -> None:
        """Do nothing: it logs as this process does."""

    def state(self) -> InstanceState:
        """Return its state; see ``Instance.state``."""
        return self._state

    def _loaded(self) -> StepModel:
        if self._step_model is None:
            raise ModelError(f"instance {self._name} is started before it is loaded")
        return self._step_model

    def _run(self, model: Model, step_model: StepModel) -> None:
        backoff = Backoff()
        while True:
            channel = self._channel
            if channel is None:
                return
            try:
                step_runner(self._config, step_model, self._name).run(channel)
                return
            except BaseException as error:
                reason = describe(error)
                delay_s = backoff.delay_s()
                logger.exception("%s has died; it starts again in %.1f s", self._name, delay_s)
            self._change(life=Life.DEAD, reason=reason)
            if self._stopping.wait(delay_s):
                return
            with self._lock:
                if self._stopping.is_set():
                    return
                self._channel = model.attach_steps(self._name)
            backoff.begin()
            self._change(life=Life.ALIVE, restarts=self._state.restarts + 1)
            logger.info("%s runs again", self._name)

    def _let_go(self) -> None:
        with self._lock:
            self._step_model, self._channel = None, None
            self._state = replace(self._state, life=Life.STOPPED)

    def _change(self, **changes: object) -> None:
        with self._lock:
            if self._state.life is not Life.STOPPED:
                self._state = replace(self._state, **changes)  # type: ignore[arg-type]
