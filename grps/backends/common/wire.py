"""Arrays as the wire carries them."""

from __future__ import annotations

from typing import Any

import numpy as np


def wire_array(value: Any) -> np.ndarray:
    """Return what an engine returned, C-contiguous: a bool as a uint8, text as objects."""
    array = np.asarray(value, order="C")
    if array.dtype.kind == "U":
        return array.astype(object)
    return array.view(np.uint8) if array.dtype == np.bool_ else array
