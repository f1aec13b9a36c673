"""An engine that works on numpy arrays as an inferer: between converters, or to derive from."""

from __future__ import annotations

from typing import Any

import numpy as np

from grps.backends.backend import Backend
from grps.backends.loading import load_backend
from grps.config.schema import ModelConfig
from grps.errors import InputError, ModelError
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer


class ArrayInferer(ModelInferer):
    """Runs a model on numpy arrays; returns a dict of its outputs."""

    engine: str = ""
    """The ``inferer_type`` that loads the model; a class of its own sets it."""

    def __init__(self, engine: str | None = None) -> None:
        """Make an inferer that is not initialised.

        Args:
            engine: The ``inferer_type`` that loads the model; that of the class when ``None``.
        """
        super().__init__()
        self._engine = engine or self.engine
        self._backend: Backend | None = None

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Remember the arguments; ``args`` are those of the engine's ``inferer_args``."""
        super().init(path, device, args)

    def load(self) -> bool:
        """Load the model.

        Raises:
            ModelError: The file is no such model.
        """
        config = ModelConfig(
            name="model",
            version="1",
            inferer_type=self._engine,
            inferer_path=self._path,
            device=self._device,
            inferer_args=self._args,
        )
        self._backend = load_backend(config)
        return True

    def infer(self, inp: Any, context: GrpsContext) -> dict[str, np.ndarray]:
        """Run the model.

        Args:
            inp: An array, a list of arrays in the model's order, or a dict of them by name.
            context: The request's context.

        Returns:
            The outputs by name.

        Raises:
            InputError: An input is missing or unknown.
            ModelError: The engine failed.
        """
        if self._backend is None:
            raise ModelError("load() was not called")
        arrays = [np.ascontiguousarray(value) for value in self._order(self._backend, inp)]
        return dict(self._backend.infer(arrays))

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> dict[str, np.ndarray]:
        """Run the model on one batch of joined rows."""
        return self.infer(inp, contexts[0])

    def _order(self, backend: Backend, inp: Any) -> list[Any]:
        if isinstance(inp, dict):
            names = [spec.name for spec in backend.signature.inputs]
            if set(inp) != set(names):
                raise InputError(f"the model's inputs are {names}, got {list(inp)}")
            return [inp[name] for name in names]
        return list(inp) if isinstance(inp, (list, tuple)) else [inp]
