"""Arrays from the wire as engines take them, and what engines return as the wire carries it."""

from __future__ import annotations

from typing import Any

import numpy as np

from grps.errors import InputError


def texts_of(name: str, array: np.ndarray) -> np.ndarray:
    """Return a tensor of strings after a check that they are text.

    Python gets bytes for all strings of a tensor as soon as one of them is not UTF-8.

    Raises:
        InputError: Some are bytes that are not UTF-8.
    """
    if array.dtype == object and array.size and isinstance(array.flat[0], bytes):
        raise InputError(f"input {name!r} takes text, got bytes that are not UTF-8")
    return array


def wire_array(value: Any) -> np.ndarray:
    """Return what an engine returned, C-contiguous, text as objects."""
    array = np.asarray(value, order="C")
    return array.astype(object) if array.dtype.kind == "U" else array
