"""Torch tensors in the user's own code: messages to tensors and back."""

from __future__ import annotations

import numpy as np
import torch

from grps.backends.common.rows import NamedArrays
from grps.backends.common.tensor_converter import TensorConverter
from grps.backends.torch.outputs import flatten, to_numpy


class TorchTensorConverter(TensorConverter[torch.Tensor]):
    """Messages of tensors to torch tensors and back."""

    @staticmethod
    def _to_tensor(array: np.ndarray) -> torch.Tensor:
        """Return a tensor on the CPU that shares the array's memory."""
        return torch.from_numpy(array)

    @staticmethod
    def leave(result: object) -> NamedArrays:
        """Return what an inferer made of tensors as named arrays on the CPU.

        Args:
            result: A tensor, a list, a tuple or a dict of tensors.
        """
        with torch.no_grad():
            return [(name, to_numpy(name, tensor, set())) for name, tensor in flatten(result)]


def create_converter() -> TorchTensorConverter:
    """Return the converter whose halves run around the user's inferer."""
    return TorchTensorConverter()
