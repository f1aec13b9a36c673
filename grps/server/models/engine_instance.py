"""Instances of engines in native code: native threads that run a model without Python."""

from __future__ import annotations

from pathlib import Path

from grps.backends.backend import Signature
from grps.backends.environment import prepare_environment
from grps.backends.libraries import native_library
from grps.config.schema import ModelConfig
from grps.server.loading.loaders import Report
from grps.server.loading.native_engines import model_file
from grps.server.loading.signatures import signature_of
from grps.server.models.native_copy import NativeCopy
from grps.server.native import LoadedCopy, Model


class EngineCopy(NativeCopy):
    """An instance whose copy runs in a native thread, by an engine in native code."""

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
        self._copy: LoadedCopy | None = None

    def load(self) -> Signature:
        """Load the copy and run it once; see ``Instance.load``."""
        self._report("loading", f"loading {self.name}")
        engine, file = self._config.inferer_type, model_file(self._config, self._folder)
        prepare_environment()
        try:
            self._copy = LoadedCopy(engine, native_library(engine), file)
        except ValueError as error:
            raise self.failed(error) from error
        self._loaded = True
        return signature_of(self._copy.inputs, self._copy.outputs, "cpu")

    def start(self, model: Model, most_threads: int) -> None:
        """Run the copy in a thread; see ``Instance.start``."""
        if self._copy is None:
            raise self.not_loaded()
        try:
            self._instance = self._copy.start(model, self._index)
        except ValueError as error:
            raise self.failed(error) from error
