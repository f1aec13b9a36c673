"""An ONNX model between the halves of the user's own converter, and a base to derive from."""

from __future__ import annotations

from typing import Any

import numpy as np

from grps.backends.onnxruntime_backend import OnnxruntimeBackend, load
from grps.config.schema import ModelConfig
from grps.errors import InputError, ModelError
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer


class OnnxModelInferer(ModelInferer):
    """Runs an ONNX model on numpy arrays; returns a dict of its outputs."""

    def __init__(self) -> None:
        """Make an inferer that is not initialised."""
        super().__init__()
        self._backend: OnnxruntimeBackend | None = None

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Remember the arguments; ``args`` are those of ``inferer_type: onnxruntime``."""
        super().init(path, device, args)

    def load(self) -> bool:
        """Load the model.

        Raises:
            ModelError: The file is no such model.
        """
        config = ModelConfig(
            name="model",
            version="1",
            inferer_type="onnxruntime",
            inferer_path=self._path,
            device=self._device,
            inferer_args=self._args,
        )
        self._backend = load(config)
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
        arrays = [np.ascontiguousarray(value) for value in self._order(inp)]
        return dict(self._backend.infer(arrays))

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> dict[str, np.ndarray]:
        """Run the model on one batch of joined rows."""
        return self.infer(inp, contexts[0])

    def _order(self, inp: Any) -> list[Any]:
        if isinstance(inp, dict) and self._backend is not None:
            names = [spec.name for spec in self._backend.signature.inputs]
            if set(inp) != set(names):
                raise InputError(f"the model's inputs are {names}, got {list(inp)}")
            return [inp[name] for name in names]
        return list(inp) if isinstance(inp, (list, tuple)) else [inp]


def create_inferer() -> OnnxModelInferer:
    """Return the inferer that runs between the halves of a customized converter."""
    return OnnxModelInferer()
