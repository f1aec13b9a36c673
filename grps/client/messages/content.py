"""What a request or a result contains, in the form that is the same for all protocols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
Number = int | float
MapValue = str | bytes | int | float


@dataclass(frozen=True, slots=True)
class Text:
    """A text."""

    text: str


@dataclass(frozen=True, slots=True)
class Binary:
    """Bytes."""

    data: bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Tensors:
    """Tensors and their names; a name is empty if the tensor has none."""

    items: tuple[tuple[str, Array], ...]


@dataclass(frozen=True, slots=True)
class NdArray:
    """Nested lists as JSON has them."""

    value: Any


@dataclass(frozen=True, slots=True)
class Map:
    """Named texts, bytes and numbers."""

    values: Mapping[str, MapValue]


Content = Text | Binary | Tensors | NdArray | Map


def content_of(inputs: Any) -> Content:
    """Return what a user gives as the inputs of a call.

    Raises:
        TypeError: It is nothing that a call can carry.
    """
    if isinstance(inputs, str):
        return Text(inputs)
    if isinstance(inputs, (bytes, bytearray, memoryview)):
        return Binary(inputs)
    if isinstance(inputs, Mapping):
        return _named(inputs)
    if isinstance(inputs, (list, tuple, int, float)):
        return NdArray(inputs)
    return Tensors((("", array_of(inputs)),))


def _named(inputs: Mapping[Any, Any]) -> Content:
    if inputs and all(isinstance(value, (str, bytes, int, float)) for value in inputs.values()):
        return Map(inputs)
    return Tensors(tuple((str(name), array_of(value)) for name, value in inputs.items()))


def array_of(value: Any) -> Array:
    """Return an array of a tensor of any library, without a copy if it is in CPU memory.

    Lists of floats become float32, as the service reads them.

    Raises:
        TypeError: It is no array, and has no ``__dlpack__`` that NumPy can read.
    """
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "__dlpack__") and not isinstance(value, np.generic):
        detached = value.detach() if hasattr(value, "detach") else value
        try:
            return np.from_dlpack(detached)
        except (BufferError, RuntimeError, TypeError, ValueError) as error:
            raise TypeError(
                f"{type(value).__name__} can't be read: {error}; move it to the CPU, and to a type "
                "that NumPy has"
            ) from error
    array = np.asarray(value)
    if array.dtype == np.float64 and not isinstance(value, np.generic):
        return array.astype(np.float32)
    if array.dtype == object and not all(isinstance(one, (str, bytes)) for one in array.flat):
        raise TypeError(f"{type(value).__name__} is no text, bytes, array or map of these")
    return array


def tensors_of(content: Content) -> Tensors:
    """Return content as tensors, for protocols that have nothing else.

    A text, or bytes, is a tensor of one string; the values of a map are one each.
    """
    match content:
        case Tensors():
            return content
        case NdArray(value):
            return Tensors((("", array_of(value)),))
        case Text(text):
            return Tensors((("", _strings([text.encode()])),))
        case Binary(data):
            return Tensors((("", _strings([bytes(data)])),))
        case Map(values):
            return Tensors(tuple((name, _one(value)) for name, value in values.items()))


def _one(value: MapValue) -> Array:
    if isinstance(value, str):
        return _strings([value.encode()])
    return _strings([value]) if isinstance(value, bytes) else np.asarray([value])


def _strings(values: list[bytes]) -> Array:
    strings = np.empty(len(values), dtype=object)
    strings[:] = values
    return strings


def text_or_bytes(data: bytes) -> str | bytes:
    """Return an element of a tensor of strings: text if it is UTF-8, else bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def raw_strings(array: Array) -> list[bytes]:
    """Return the elements of a tensor of strings as bytes; numbers become text.

    Raises:
        TypeError: An element is of another type.
    """
    elements = array.ravel().tolist()
    return [one if isinstance(one, bytes) else _encoded(one) for one in elements]


def _encoded(element: object) -> bytes:
    if isinstance(element, (str, int, float, np.generic)):
        return str(element).encode()
    raise TypeError(
        f"an element of a tensor of strings is {type(element).__name__}; use text, bytes or numbers"
    )
