"""Tensors in the user's own code around an engine: numpy arrays, from messages and back.

TensorRT itself is not needed for this.
"""

from __future__ import annotations

import numpy as np

from grps.backends.common.rows import NamedArrays
from grps.backends.common.tensor_converter import TensorConverter
from grps.inference.user_tensors import name_outputs


class TrtTensorConverter(TensorConverter[np.ndarray]):
    """Messages of tensors to numpy arrays and back."""

    @staticmethod
    def _to_tensor(array: np.ndarray) -> np.ndarray:
        """Return the array as it is."""
        return array

    @staticmethod
    def leave(result: object) -> NamedArrays:
        """Return what an inferer made of arrays as named arrays.

        Args:
            result: An array, a list, a tuple or a dict of arrays.
        """
        return name_outputs(result)


def create_converter() -> TrtTensorConverter:
    """Return the converter whose halves run around the user's inferer."""
    return TrtTensorConverter()
