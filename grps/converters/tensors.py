"""Tensors as they come, for converters that change a model's outputs only."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from grps.backends.backend import TensorSpec
from grps.converters.common.model_inputs import ModelInputs
from grps.converters.common.reader import Arrays, Read
from grps.errors import InputError
from grps.protocol.arrays import to_arrays
from grps.protocol.pb.grps_pb2 import GrpsMessage


class TensorArguments(msgspec.Struct, frozen=True):
    """``converter_args`` of ``converter_type: labels``: those that all have."""


class TensorReader:
    """Takes the tensors of a request for the inputs, by name or in their order."""

    def __init__(self, inputs: ModelInputs) -> None:
        """Take tensors for what ``inputs`` leaves to fill."""
        self._inputs = inputs

    @property
    def filled(self) -> dict[str, str]:
        """What goes into each input, in words."""
        return {spec.name: "the tensor of the request" for spec in self._inputs.free}

    def example(self) -> None:
        """Return nothing: requests are tensors of the model, which the warm-up makes."""

    def read(self, message: GrpsMessage) -> Read:
        """Take the tensors of a request; see ``Reader.read``."""
        given = to_arrays(message)
        specs = self._inputs.free
        if len(given) != len(specs):
            raise InputError(f"the model has {len(specs)} inputs, got {len(given)} tensors")
        names = [name for name, _ in given]
        if any(names):
            if set(names) != {spec.name for spec in specs} or len(set(names)) < len(names):
                raise InputError(
                    f"the model's inputs are {[spec.name for spec in specs]}, got {names}"
                )
            given = sorted(given, key=lambda one: [spec.name for spec in specs].index(one[0]))
        arrays = {
            spec.name: _fitting(spec, array) for spec, (_, array) in zip(specs, given, strict=True)
        }
        rows = {array.shape[0] if array.ndim else 1 for array in arrays.values()}
        if len(rows) != 1:
            raise InputError("the tensors of the request have different numbers of rows")
        return Read([arrays], rows.pop())

    def join(self, items: list[Any]) -> Arrays:
        """Join the rows of several requests; see ``Reader.join``."""
        if len(items) == 1:
            return items[0]
        try:
            joined = {name: np.concatenate([item[name] for item in items]) for name in items[0]}
        except ValueError as error:
            raise InputError(f"the requests of a batch differ in shape: {error}") from error
        return joined


def _fitting(spec: TensorSpec, array: np.ndarray) -> np.ndarray:
    """Return the tensor as the type of the input, if that changes no value."""
    if spec.dtype is not None and spec.dtype not in ("string", array.dtype.name):
        if array.dtype == object:
            raise InputError(f"input {spec.name!r} is {spec.dtype}, got strings")
        with np.errstate(all="ignore"):
            cast = array.astype(spec.dtype)
        if not np.array_equal(cast, array):
            raise InputError(f"input {spec.name!r} is {spec.dtype}, got {array.dtype}")
        array = cast
    _check_shape(spec, array)
    return array


def _check_shape(spec: TensorSpec, array: np.ndarray) -> None:
    if spec.shape is None:
        return
    fits = len(spec.shape) == array.ndim and all(
        want is None or want == have for want, have in zip(spec.shape, array.shape, strict=True)
    )
    if not fits:
        wanted = [-1 if size is None else size for size in spec.shape]
        raise InputError(f"input {spec.name!r} has shape {wanted}, got {list(array.shape)}")


ARGUMENTS = TensorArguments


def create_reader(
    path: str | None, arguments: TensorArguments, inputs: ModelInputs
) -> TensorReader:
    """Return the reader of tensors for a model; see ``TensorReader``."""
    del path, arguments  # there is nothing to choose
    return TensorReader(inputs)
