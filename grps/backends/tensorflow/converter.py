"""TensorFlow tensors in the user's own code: named arrays and messages to tensors and back."""

from __future__ import annotations

from typing import Any

import numpy as np

from grps.backends.common.rows import by_name_or_position, join_rows, split_rows
from grps.backends.tensorflow.runtime import tf
from grps.backends.tensorflow.tensors import flatten, to_numpy
from grps.inference.context import GrpsContext
from grps.inference.converter import Converter
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage

Tensors = list[tf.Tensor] | dict[str, tf.Tensor]


def enter(tensors: list[tuple[str, np.ndarray]]) -> Tensors:
    """Return arrays as tensors: by name when all have one, as a list when none has.

    Raises:
        InputError: Only some have a name, or two have the same.
    """
    return by_name_or_position([(name, tf.convert_to_tensor(array)) for name, array in tensors])


def leave(result: object) -> list[tuple[str, np.ndarray]]:
    """Return what an inferer made of tensors as named arrays on the CPU."""
    return [(name, to_numpy(name, value)) for name, value in flatten(result)]


class TfTensorConverter(Converter):
    """Messages of tensors to TensorFlow's tensors and back."""

    def init(self, path: str | None = None, args: Any = None) -> None:
        """Remember the arguments; there is nothing to prepare."""
        super().init(path, args)

    def preprocess(self, inp: GrpsMessage, context: GrpsContext) -> Tensors:
        """Return the request's tensors, a dict when they have names, else a list."""
        return enter(to_arrays(inp))

    def postprocess(self, inp: Any, context: GrpsContext) -> GrpsMessage:
        """Return a message of a tensor, a list, a tuple or a dict of tensors."""
        return to_message(leave(inp))

    def batch_preprocess(self, inps: list[GrpsMessage], contexts: list[GrpsContext]) -> Tensors:
        """Join the rows of several requests."""
        return enter(join_rows(inps, contexts))

    def batch_postprocess(self, inp: Any, contexts: list[GrpsContext]) -> list[GrpsMessage]:
        """Split the rows of the outputs among the requests."""
        return split_rows(leave(inp), contexts)
