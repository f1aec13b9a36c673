"""Element types of TensorRT and what stands for them on the wire."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from grps.backends.tensorrt.seam import Shape
from grps.errors import ModelError


@dataclass(frozen=True, slots=True)
class ElementType:
    """How arrays of one of TensorRT's types look in memory and on the wire."""

    wire: str
    """The type of the arrays of requests and answers, one of ``DTYPE_NAMES``."""
    memory: np.dtype
    """The type numpy has for an element in the engine's memory."""
    encode: Callable[[np.ndarray, np.ndarray], None]
    """Write an array of the wire's type into one of the memory's type and the same shape."""
    decode: Callable[[np.ndarray], np.ndarray]
    """Return a copy of an array of the memory's type in the wire's type."""


def element_type(what: str, kind: str) -> ElementType:
    """Return the element type that TensorRT calls ``kind``.

    Args:
        what: The tensor, for the error.
        kind: TensorRT's name of the type.

    Raises:
        ModelError: Nothing on the wire stands for it.
    """
    found = _TYPES.get(kind)
    if found is None:
        raise ModelError(
            f"{what} has the unsupported type {kind}; supported: {', '.join(_TYPES)}; "
            "cast it in the network before the engine is built"
        )
    return found


def bytes_of(element: ElementType, shape: Shape) -> int:
    """Return the size of an array in the engine's memory."""
    return math.prod(shape) * element.memory.itemsize


def write(element: ElementType, array: np.ndarray, memory: np.ndarray) -> int:
    """Put ``array`` at the start of ``memory``, an array of uint8; return the bytes it takes."""
    size = array.size * element.memory.itemsize
    element.encode(array, memory[:size].view(element.memory).reshape(array.shape))
    return size


def read(element: ElementType, memory: np.ndarray, shape: Shape) -> np.ndarray:
    """Return a copy of the array at the start of ``memory``, an array of uint8."""
    size = bytes_of(element, shape)
    return element.decode(memory[:size].view(element.memory).reshape(shape))


def _copy(array: np.ndarray, target: np.ndarray) -> None:
    np.copyto(target, array)


def _copy_out(array: np.ndarray) -> np.ndarray:
    return array.copy()


def _to_bool(array: np.ndarray, target: np.ndarray) -> None:
    np.not_equal(array, 0, out=target.view(np.bool_))


def _from_bool(array: np.ndarray) -> np.ndarray:
    return (array != 0).view(np.uint8)


def _to_bfloat16(array: np.ndarray, target: np.ndarray) -> None:
    """Keep the upper half of each float32, rounded to the nearest, to even between two."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    # Rounding could carry a NaN over to infinity or zero.
    rounded = np.where(np.isnan(array), (bits >> 16) | 0x40, rounded)
    np.copyto(target, rounded.astype(np.uint16))


def _from_bfloat16(array: np.ndarray) -> np.ndarray:
    return (array.astype(np.uint32) << 16).view(np.float32)


def _plain(name: str) -> ElementType:
    return ElementType(name, np.dtype(name), _copy, _copy_out)


_TYPES = {
    "FLOAT": _plain("float32"),
    "HALF": _plain("float16"),
    "BF16": ElementType("float32", np.dtype(np.uint16), _to_bfloat16, _from_bfloat16),
    "INT8": _plain("int8"),
    "INT32": _plain("int32"),
    "INT64": _plain("int64"),
    "UINT8": _plain("uint8"),
    "BOOL": ElementType("uint8", np.dtype(np.uint8), _to_bool, _from_bool),
}
