"""The seam between the runner and an engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

DTYPE_NAMES = (
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "string",
)
"""Element types a tensor can have on the wire."""


MOST_INPUTS = 1024
"""Most tensors of a request; the codec refuses more."""


@dataclass(frozen=True, slots=True)
class BytesValue:
    """A string that is not UTF-8, in a form that JSON can hold."""

    b64: str
    """The bytes as base64."""


Element = str | float | BytesValue
"""An element of an example."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """What a model reports about one of its tensors."""

    name: str
    dtype: str | None = None
    """One of ``DTYPE_NAMES``; ``None`` when the model does not report it."""
    shape: tuple[int | None, ...] | None = None
    """Dimensions, ``None`` for a dynamic one; ``None`` as a whole when the rank is unknown."""
    required: bool = True
    """False for an input that may be left out, together with all inputs after it."""
    example: tuple[int, ...] | None = None
    """A shape the model takes for sure; ``None`` when the model does not report it."""
    values: tuple[Element, ...] | None = None
    """Elements that the model takes for sure: one for all of them, or each; ``None`` as above."""
    columns: tuple[str, ...] | None = None
    """Names of the columns of a table, such as the labels of scores; ``None`` for no names."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs of a model, found from the model itself."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    """Empty when the model does not report it; ``infer`` names what it returns all the same."""
    strict_names: bool
    """False when input names are advisory (TorchScript): names that match none are positional."""
    open_ended: bool = False
    """True when the model does not report how many inputs it takes: more may follow ``inputs``."""
    limits: tuple[str, ...] = ()
    """What the model needs of the sizes of its inputs beyond their shapes, in words."""
    most_rows: int | None = None
    """The largest first dimension that it takes; ``None`` when the model does not report one."""
    as_table: bool = False
    """Whether one tensor with a column for each input may come in place of all inputs."""
    tried: bool | None = None
    """Whether the model has run on an example of its inputs; ``None`` when it was not tried."""
    device: str | None = None
    """Where this copy runs, as its engine chose; ``None`` when the engine does not report it."""


class Backend(Protocol):
    """One loaded copy of a model on one device. Calls come from one thread at a time."""

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, in the order ``infer`` takes them."""

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the model once.

        Args:
            inputs: One C-contiguous array per input of the signature, in its order, already
                checked against it; trailing inputs that are not required may be absent. The
                arrays may be read, never written. Strings are object arrays of ``str``, or of
                ``bytes`` if some of a tensor are not UTF-8; those of an output may be either.

        Returns:
            Name and value of each output, on the CPU, C-contiguous, of a type named in
            ``DTYPE_NAMES``. No value shares memory with the inputs or the model.

        Raises:
            InputError: The engine can't take an input that the signature alone allows.
            ModelError: The engine failed; the text is its one-line cause.
        """
