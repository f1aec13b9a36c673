"""Tensors of the Open Inference Protocol: their types, and their elements as bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from grps.client.messages.content import Array, raw_strings, text_or_bytes
from grps.client.messages.elements import little_endian

_TYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
}
_DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(dtype).newbyteorder("<") for dtype, name in _TYPES.items()
}
_STRINGS, _BFLOAT16 = "BYTES", "BF16"
_LENGTH_BYTES = 4


def encode(array: Array) -> tuple[str, bytes | memoryview]:
    """Return the type of an array and its elements; numbers are not copied.

    Raises:
        TypeError: The protocol has no such type.
    """
    if array.dtype.kind in "OSU":
        raw = raw_strings(array)
        parts = [len(one).to_bytes(_LENGTH_BYTES, "little") + one for one in raw]
        return _STRINGS, b"".join(parts)
    datatype = _TYPES.get(array.dtype.name)
    if datatype is None:
        raise TypeError(f"the protocol has no {array.dtype}; convert the array")
    return datatype, little_endian(array)


def decode(datatype: str, shape: list[int], elements: memoryview) -> Array:
    """Return a tensor; its numbers are in the memory of the response.

    BF16 becomes float32.

    Raises:
        ValueError: The type is unknown, or the elements do not fit the shape.
    """
    if datatype == _STRINGS:
        array: Array = np.array([*_strings(elements), None], dtype=object)[:-1]
    elif datatype == _BFLOAT16:
        array = (np.frombuffer(elements, "<u2").astype("<u4") << 16).view("<f4")
    else:
        array = np.frombuffer(elements, _dtype(datatype))
    return array.reshape(shape)


def decode_json(datatype: str, shape: list[int], elements: Any) -> Array:
    """Return a tensor whose elements are in JSON."""
    if datatype == _STRINGS:
        return np.array(elements, dtype=object).reshape(shape)
    dtype = np.dtype(np.float32) if datatype == _BFLOAT16 else _dtype(datatype)
    return np.array(elements, dtype).reshape(shape)


def _dtype(datatype: str) -> np.dtype[Any]:
    dtype = _DTYPES.get(datatype)
    if dtype is None:
        raise ValueError(f"the response has a tensor of the unknown type {datatype}")
    return dtype


def _strings(elements: memoryview) -> list[str | bytes]:
    found: list[str | bytes] = []
    at = 0
    while at < len(elements):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(elements[at:start], "little")
        found.append(text_or_bytes(bytes(elements[start:at])))
    return found
