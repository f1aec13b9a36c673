"""A service in one function."""

import numpy as np

import grps


@grps.model
def double(x: np.ndarray) -> np.ndarray:
    """Return twice the input."""
    return 2 * x
