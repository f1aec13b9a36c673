"""What instances that run in a native thread have in common."""

from __future__ import annotations

from grps.config.schema import ModelConfig
from grps.errors import ModelError
from grps.server.loading.loaders import Report
from grps.server.models.instance import InstanceState, Life
from grps.server.native import RunningCopy


class NativeCopy:
    """An instance whose copy runs in a native thread, which pulls requests by itself."""

    def __init__(self, config: ModelConfig, index: int, report: Report) -> None:
        """Make an instance.

        Args:
            config: The configuration of this copy.
            index: Which copy of the model it is.
            report: Receives the progress.
        """
        self._config = config
        self._index = index
        self._report = report
        self._instance: RunningCopy | None = None
        self._loaded = False
        self._stopped = False

    @property
    def name(self) -> str:
        """Its name in logs."""
        return f"{self._config.key}#{self._index}"

    def join(self) -> None:
        """Wait for the end of the thread; see ``Instance.join``."""
        if self._instance is not None:
            self._instance.join()
        self._stopped = True

    def stop(self, timeout_s: float) -> bool:
        """Stop the thread; see ``Instance.stop``."""
        self._stopped = True
        return self._instance is None or self._instance.stop(timeout_s)

    def set_log_level(self, level: str) -> None:
        """Do nothing: it logs as this process does."""

    def state(self) -> InstanceState:
        """Return its state; see ``Instance.state``."""
        if self._instance is None:
            return InstanceState(Life.LOADED if self._loaded else Life.NEW)
        reason, restarts = self._instance.failure(), self._instance.restarts()
        if self._stopped:
            return InstanceState(Life.STOPPED, reason, restarts)
        return InstanceState(Life.ALIVE if reason is None else Life.DEAD, reason, restarts)

    def not_loaded(self) -> ModelError:
        """Return the error of a start before the load."""
        return ModelError(f"instance {self.name} is started before it is loaded")

    def failed(self, error: ValueError) -> ModelError:
        """Return the error of native code with the model's name."""
        return ModelError(f"model {self._config.key}: {error}")
