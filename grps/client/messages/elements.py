"""The element types of tensors in messages."""

from __future__ import annotations

import numpy as np

from grps.client.messages.content import Array

INT32 = range(-(2**31), 2**31)
DTYPES = (
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
"""In the order of ``DataType`` in ``proto/grps.proto``, from 1 on."""
NUMBERS = {dtype: number for number, dtype in enumerate(DTYPES, 1)}
_TEXTS = "OSU"
_FLOATS = 1.0e38


def field_of(dtype: str) -> str:
    """Return the field of a message that has the elements of a type."""
    return f"flat_{dtype}"


def wire_array(array: Array) -> tuple[Array, str]:
    """Return an array as messages can carry it, and the name of its element type.

    Raises:
        TypeError: Messages have no such type.
    """
    if array.dtype.kind in _TEXTS:
        return array, "string"
    if array.dtype == np.bool_:
        return array.view(np.uint8), "uint8"
    dtype = array.dtype.name
    if dtype not in NUMBERS:
        known = ", ".join(DTYPES[:-1])
        raise TypeError(f"messages have no {dtype}; convert the array to one of {known}")
    return array, dtype


def float32_fits(value: float) -> bool:
    """Whether a number keeps its value as float32."""
    return abs(value) < _FLOATS and float(np.float32(value)) == value


def little_endian(array: Array) -> memoryview:
    """Return the elements of an array of numbers as bytes, copied only if they are not in order."""
    ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
    return memoryview(ordered.reshape(-1).view(np.uint8).data)
