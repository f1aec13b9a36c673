"""Arrays as the wire carries them."""

from __future__ import annotations

from typing import Any

import numpy as np


def wire_array(value: Any) -> np.ndarray:
    """Return what an engine returned, C-contiguous, text as objects."""
    array = np.asarray(value, order="C")
    return array.astype(object) if array.dtype.kind == "U" else array
