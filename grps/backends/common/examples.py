"""Examples of inputs: what a string has to be, say, is not part of a signature."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from grps.backends.backend import BytesValue, Element, TensorSpec

_GRAY_PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
"""An image of one pixel, as PNG."""

SOME_TEXTS: tuple[Element, ...] = ("text", "", "1", BytesValue(_GRAY_PIXEL))
"""Strings that models are tried with: words, nothing, a number, an image."""


def example_of(
    spec: TensorSpec, size: int = 1, number: float = 1.0, text: Element = SOME_TEXTS[0]
) -> np.ndarray:
    """Return an example of an input, which has a type and a shape.

    Args:
        spec: The input; what it says of an example counts.
        size: What a dynamic dimension after the first is to be.
        number: The elements of numbers.
        text: The elements of strings.
    """
    shape = spec.example
    if shape is None:
        dims = spec.shape or ()
        filled = [size if dim is None else dim for dim in dims]
        if dims and dims[0] is None:
            filled[0] = 1
        shape = tuple(filled)
    example = np.empty(shape, dtype=object if spec.dtype == "string" else spec.dtype)
    values = spec.values or (text if spec.dtype == "string" else number,)
    for index, value in enumerate(map(python_value, values)):
        example.flat[index :: len(values)] = value
    return example


def python_value(value: Element) -> str | bytes | float:
    """Return a value as arrays of Python hold it."""
    return base64.b64decode(value.b64) if isinstance(value, BytesValue) else value


def element_of(value: Any) -> Element:
    """Return an element of an array as examples hold it."""
    if isinstance(value, bytes):
        return BytesValue(base64.b64encode(value).decode())
    plain: str | float = value.item() if hasattr(value, "item") else value
    return plain
