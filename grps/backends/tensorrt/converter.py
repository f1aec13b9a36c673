"""Tensors in the user's own code around an engine: numpy arrays, from messages and back.

TensorRT itself is not needed for this.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from grps.errors import InputError
from grps.inference.context import GrpsContext
from grps.inference.converter import Converter
from grps.inference.user_tensors import name_outputs
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage

Tensors = list[np.ndarray] | dict[str, np.ndarray]


def enter(tensors: list[tuple[str, np.ndarray]]) -> Tensors:
    """Return arrays by name when all have one, as a list when none has.

    Raises:
        InputError: Only some have a name, or two have the same.
    """
    names = [name for name, _ in tensors if name]
    if not names:
        return [array for _, array in tensors]
    if len(names) < len(tensors) or len(set(names)) < len(names):
        raise InputError("name all tensors, each differently, or none")
    return dict(tensors)


def leave(result: object) -> list[tuple[str, np.ndarray]]:
    """Return what an inferer made of arrays as named arrays."""
    return name_outputs(result)


class TrtTensorConverter(Converter):
    """Messages of tensors to numpy arrays and back."""

    def init(self, path: str | None = None, args: Any = None) -> None:
        """Remember the arguments; there is nothing to prepare."""
        super().init(path, args)

    def preprocess(self, inp: GrpsMessage, context: GrpsContext) -> Tensors:
        """Return the request's tensors, a dict when they have names, else a list."""
        return enter(to_arrays(inp))

    def postprocess(self, inp: Any, context: GrpsContext) -> GrpsMessage:
        """Return a message of an array, a list, a tuple or a dict of arrays."""
        return to_message(leave(inp))

    def batch_preprocess(self, inps: list[GrpsMessage], contexts: list[GrpsContext]) -> Tensors:
        """Join the rows of several requests.

        Raises:
            InputError: They do not go together.
        """
        requests = [to_arrays(inp) for inp in inps]
        for request, context in zip(requests, contexts, strict=True):
            if [_column(tensor) for tensor in request] != [_column(t) for t in requests[0]]:
                raise InputError("the requests of a batch have different tensors")
            rows = {array.shape[:1] for _, array in request}
            if len(rows) != 1 or rows == {()}:
                raise InputError("the tensors of a request of a batch differ in their rows")
            context.put_user_data("batch_size", rows.pop()[0])
        columns = zip(*requests, strict=True)
        return enter([(c[0][0], np.concatenate([array for _, array in c])) for c in columns])

    def batch_postprocess(self, inp: Any, contexts: list[GrpsContext]) -> list[GrpsMessage]:
        """Split the rows of the outputs among the requests."""
        outputs = leave(inp)
        messages, start = [], 0
        for context in contexts:
            end = start + context.get_user_data("batch_size")
            messages.append(to_message((name, array[start:end]) for name, array in outputs))
            start = end
        return messages


def _column(tensor: tuple[str, np.ndarray]) -> tuple[str, np.dtype, tuple[int, ...]]:
    """What tensors have in common whose rows can be joined."""
    name, array = tensor
    return name, array.dtype, array.shape[1:]
