"""Instances of plugins: native threads that create, run and destroy an inferer of a library."""

from __future__ import annotations

from pathlib import Path

from grps.backends.backend import Signature
from grps.config.schema import ModelConfig
from grps.log import logger
from grps.server.loading.loaders import Report
from grps.server.loading.plugins import (
    open_plugin,
    plugin_settings,
    plugin_signature,
    plugin_state_bytes,
)
from grps.server.models.native_copy import NativeCopy
from grps.server.native import Model, Plugin


class PluginCopy(NativeCopy):
    """An instance whose copy is an inferer of a plugin and runs in a native thread."""

    def __init__(self, config: ModelConfig, index: int, folder: Path, report: Report) -> None:
        """Make an instance.

        Args:
            config: The configuration of this copy.
            index: Which copy of the model it is.
            folder: The project, which relative paths start from.
            report: Receives the progress.
        """
        super().__init__(config, index, report)
        self._folder = folder.absolute()
        self._plugin: Plugin | None = None
        self._state_bytes = 0

    @property
    def takes_messages(self) -> bool:
        """Whether the inferer takes whole messages instead of tensors; known once it is loaded."""
        return self._plugin is not None and not self._plugin.takes_tensors

    @property
    def state_bytes(self) -> int:
        """Bytes of one row of all slots, if it is a step model; known once it is loaded."""
        return self._state_bytes

    def load(self) -> Signature | None:
        """Load the library; the inferer is created by the thread that runs it, in ``start``."""
        self._plugin = open_plugin(self._config, self._folder)
        if self._config.makes_steps:
            self._state_bytes = plugin_state_bytes(self._plugin, self._config, self._folder)
        self._loaded = True
        if self._index == 0:
            logger.info("model %s is run by plugin %s", self._config.key, self._plugin.title)
        return plugin_signature(self._plugin, self._config, self._folder)

    def start(self, model: Model, most_threads: int) -> None:
        """Create the inferer in a thread that runs it; see ``Instance.start``."""
        if self._plugin is None:
            raise self.not_loaded()
        self._report("loading", f"loading {self.name}")
        settings = plugin_settings(self._config, self._folder)
        try:
            self._instance = self._plugin.start(model, settings, self._index)
        except ValueError as error:
            raise self.failed(error) from error
