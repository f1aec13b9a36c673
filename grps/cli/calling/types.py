"""The element types of a model's inputs, out of what a service says about the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_OIP = {"BYTES": "object", "BOOL": "bool"} | {
    f"{short}{bits}": f"{long}{bits}"
    for short, long in (("FP", "float"), ("INT", "int"), ("UINT", "uint"))
    for bits in (8, 16, 32, 64)
    if (short, bits) != ("FP", 8)
}
"""Types of numpy by their names in the Open Inference Protocol."""


def types_of(description: Mapping[str, Any]) -> dict[str, np.dtype[Any]]:
    """Return the element types by the names of the inputs; those that are not known are missing.

    Args:
        description: The metadata of a model, of GRPS or of the Open Inference Protocol.
    """
    inputs = description.get("inputs")
    found = {}
    for entry in inputs if isinstance(inputs, list) else []:
        dtype = _dtype(entry) if isinstance(entry, Mapping) else None
        if dtype is not None:
            found[str(entry.get("name", ""))] = dtype
    return found


def _dtype(entry: Mapping[str, Any]) -> np.dtype[Any] | None:
    name = str(entry.get("dtype", "")).lower().removeprefix("dt_")
    name = _OIP.get(str(entry.get("datatype")), name)
    if name == "string":
        name = "object"
    try:
        return np.dtype(name) if name else None
    except TypeError:
        return None
