"""An engine between the halves of the user's own converter, and a base to derive from.

TensorRT is imported by ``load``: deriving from the class does not need it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from grps.backends.backend import Backend
from grps.backends.loading import import_adapter
from grps.backends.tensorrt.converter import TrtTensorConverter
from grps.config.schema import ModelConfig
from grps.errors import InputError, ModelError
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.protocol.pb.grps_pb2 import GrpsMessage


class TrtModelInferer(ModelInferer):
    """Runs a TensorRT engine on numpy arrays; returns a dict of its outputs.

    Any number of threads may call ``infer``; ``inferer_args.streams`` of them run at once.
    """

    _backend: Backend | None = None

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Remember the arguments; ``args`` are those of ``inferer_type: tensorrt``."""
        super().init(path, device, args)

    def load(self) -> bool:
        """Load the engine.

        Raises:
            MissingExtraError: TensorRT or ``cuda-bindings`` is not installed.
            DeviceError: There is no such GPU.
            ModelError: The file is no engine for this TensorRT and this GPU.
        """
        config = ModelConfig(
            name="model",
            version="1",
            inferer_type="tensorrt",
            inferer_path=self._path,
            device=self._device,
            inferer_args=self._args,
        )
        self._backend = import_adapter("tensorrt").load(config)
        return True

    def infer(self, tensors: Any, context: GrpsContext) -> Any:
        """Run the engine.

        Args:
            tensors: An array, a list or tuple of arrays in the engine's order, a dict of them by
                name, or a message of tensors.
            context: The request's context.

        Returns:
            The outputs by name; a message when ``tensors`` is one.

        Raises:
            InputError: The arrays do not fit the engine.
            ModelError: The engine failed.
        """
        if isinstance(tensors, GrpsMessage):
            converter = TrtTensorConverter()
            result = self.infer(converter.preprocess(tensors, context), context)
            return converter.postprocess(result, context)
        if self._backend is None:
            raise ModelError("load() was not called")
        return dict(self._backend.infer(self._arrays(self._backend, tensors)))

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
        """Run the engine on one batch of joined rows, or on a list of messages."""
        if isinstance(inp, list) and inp and isinstance(inp[0], GrpsMessage):
            converter = TrtTensorConverter()
            result = self.infer(converter.batch_preprocess(inp, contexts), contexts[0])
            return converter.batch_postprocess(result, contexts)
        return self.infer(inp, contexts[0])

    def _arrays(self, backend: Backend, inp: Any) -> list[np.ndarray]:
        """Put the input in the engine's order and check its types."""
        specs = backend.signature.inputs
        names = [spec.name for spec in specs]
        if isinstance(inp, dict):
            if set(inp) != set(names):
                raise InputError(f"the engine's inputs are {names}, got {list(inp)}")
            values = [inp[name] for name in names]
        else:
            values = list(inp) if isinstance(inp, (list, tuple)) else [inp]
        if len(values) != len(specs):
            raise InputError(f"the engine takes {len(specs)} inputs, got {len(values)}")
        arrays = [np.ascontiguousarray(value) for value in values]
        for spec, array in zip(specs, arrays, strict=True):
            if array.dtype == np.bool_ and spec.dtype == "uint8":
                continue
            if array.dtype.name != spec.dtype:
                raise InputError(f"input {spec.name} is {spec.dtype}, got {array.dtype}")
        return arrays


def create_inferer() -> TrtModelInferer:
    """Return the inferer that runs between the halves of a customized converter."""
    return TrtModelInferer()
