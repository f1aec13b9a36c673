"""TensorFlow tensors in the user's own code: messages to tensors and back."""

from __future__ import annotations

import numpy as np

from grps.backends.common.rows import NamedArrays
from grps.backends.common.tensor_converter import TensorConverter
from grps.backends.tensorflow.runtime import tf
from grps.backends.tensorflow.tensors import flatten, to_numpy


class TfTensorConverter(TensorConverter[tf.Tensor]):
    """Messages of tensors to TensorFlow's tensors and back."""

    @staticmethod
    def _to_tensor(array: np.ndarray) -> tf.Tensor:
        """Return the array as a tensor."""
        return tf.convert_to_tensor(array)

    @staticmethod
    def leave(result: object) -> NamedArrays:
        """Return what an inferer made of tensors as named arrays on the CPU.

        Args:
            result: A tensor, a list, a tuple or a dict of tensors.
        """
        return [(name, to_numpy(name, value)) for name, value in flatten(result)]


def create_converter() -> TfTensorConverter:
    """Return the converter whose halves run around the user's inferer."""
    return TfTensorConverter()
