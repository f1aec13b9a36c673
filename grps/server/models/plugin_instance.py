"""Instances of plugins: native threads that create, run and destroy an inferer of a library."""

from __future__ import annotations

from pathlib import Path

from grps.backends.backend import Signature
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from grps.log import logger
from grps.server.loading.loaders import Report
from grps.server.loading.plugins import open_plugin, plugin_settings, plugin_signature
from grps.server.models.instance import InstanceState, Life
from grps.server.native import Model, Plugin, PluginInstance


class PluginCopy:
    """An instance whose copy is an inferer of a plugin and runs in a native thread."""

    def __init__(self, config: ModelConfig, index: int, folder: Path, report: Report) -> None:
        """Make an instance.

        Args:
            config: The configuration of this copy.
            index: Which copy of the model it is.
            folder: The project, which relative paths start from.
            report: Receives the progress.
        """
        self._config = config
        self._index = index
        self._folder = folder.absolute()
        self._report = report
        self._plugin: Plugin | None = None
        self._instance: PluginInstance | None = None
        self._stopped = False

    @property
    def name(self) -> str:
        """Its name in logs."""
        return f"{self._config.key}#{self._index}"

    @property
    def takes_messages(self) -> bool:
        """Whether the inferer takes whole messages instead of tensors; known once it is loaded."""
        return self._plugin is not None and not self._plugin.takes_tensors

    def load(self) -> Signature | None:
        """Load the library; the inferer is created by the thread that runs it, in ``start``."""
        self._plugin = open_plugin(self._config, self._folder)
        if self._index == 0:
            logger.info("model %s is run by plugin %s", self._config.key, self._plugin.title)
        return plugin_signature(self._plugin, self._config, self._folder)

    def start(self, model: Model, most_threads: int) -> None:
        """Create the inferer in a thread that runs it; see ``Instance.start``."""
        if self._plugin is None:
            raise ModelError(f"instance {self.name} is started before it is loaded")
        self._report("loading", f"loading {self.name}")
        settings = plugin_settings(self._config, self._folder)
        try:
            self._instance = self._plugin.start(model, settings, self._index)
        except ValueError as error:
            raise ModelError(f"model {self._config.key}: {error}") from error

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
            return InstanceState(Life.NEW if self._plugin is None else Life.LOADED)
        reason, restarts = self._instance.failure(), self._instance.restarts()
        if self._stopped:
            return InstanceState(Life.STOPPED, reason, restarts)
        return InstanceState(Life.ALIVE if reason is None else Life.DEAD, reason, restarts)
