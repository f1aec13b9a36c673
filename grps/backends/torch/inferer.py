"""A PyTorch model between the halves of the user's own converter, and a base to derive from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from grps.backends.common.device import choose_device, parse_device
from grps.backends.formats import expect_format
from grps.backends.torch.causes import torch_cause
from grps.backends.torch.converter import TorchTensorConverter
from grps.errors import GrpsError, ModelError
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.log import logger
from grps.protocol.pb.grps_pb2 import GrpsMessage


class TorchModelInferer(ModelInferer):
    """Loads a TorchScript file or a torch.export program and runs it on torch tensors."""

    def __init__(self) -> None:
        """Make an inferer that is not initialised."""
        super().__init__()
        self._model: Any = None
        self._inp_device: str | None = None

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Settle the device and load the libraries of custom operators.

        Args:
            path: The model file.
            device: As ``device`` of the model; ``original`` leaves the model where it is.
            args: ``inferer_args``; ``customized_op_paths`` names libraries.

        Raises:
            DeviceError: The device is unknown or absent.
        """
        super().init(path, device, args)
        chosen = choose_device(
            parse_device(device, None), torch.cuda.device_count(), "this machine has no CUDA device"
        )
        self._device = "original" if chosen.kind == "original" else str(chosen)
        self._inp_device = str(chosen.inputs or ("cpu" if chosen.kind == "original" else chosen))
        paths = (args or {}).get("customized_op_paths") or ()
        for library in [paths] if isinstance(paths, str) else paths:
            torch.ops.load_library(library)
            logger.info("loaded the custom operators of %s", library)

    def load(self) -> bool:
        """Load the model.

        Raises:
            ModelError: The file is no such model.
        """
        path = Path(self._path or "")
        kind = expect_format(path, "torch")
        try:
            if kind == "torchscript":
                self._model = torch.jit.load(str(path), map_location=self._place())
                self._model.eval()
            else:
                self._model = torch.export.load(str(path)).module()
        except GrpsError:
            raise
        except Exception as error:
            raise ModelError(f"{path}: {torch_cause(error)}") from error
        return True

    def infer(self, tensors: Any, context: GrpsContext) -> Any:
        """Run the model.

        Args:
            tensors: A tensor, a list or tuple or dict (by name) of them, or a message of tensors.
            context: The request's context.

        Returns:
            What the model returned; a message when ``tensors`` is one.
        """
        with torch.no_grad():
            if isinstance(tensors, GrpsMessage):
                converter = TorchTensorConverter()
                result = self.infer(converter.preprocess(tensors, context), context)
                return converter.postprocess(result, context)
            if isinstance(tensors, (list, tuple)):
                return self._model(*[self._move(value) for value in tensors])
            if isinstance(tensors, dict):
                return self._model(**{name: self._move(value) for name, value in tensors.items()})
            return self._model(self._move(tensors))

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
        """Run the model on one batch of joined rows, or on a list of messages."""
        if isinstance(inp, list) and inp and isinstance(inp[0], GrpsMessage):
            converter = TorchTensorConverter()
            result = self.infer(converter.batch_preprocess(inp, contexts), contexts[0])
            return converter.batch_postprocess(result, contexts)
        return self.infer(inp, contexts[0])

    def _place(self) -> str | None:
        return None if self._device == "original" else self._device

    def _move(self, value: Any) -> Any:
        device = self._inp_device
        return value.to(device) if device and isinstance(value, torch.Tensor) else value


def create_inferer() -> TorchModelInferer:
    """Return the inferer that runs between the halves of a customized converter."""
    return TorchModelInferer()
