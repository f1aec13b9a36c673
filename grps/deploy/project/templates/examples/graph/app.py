"""Two models, which conf/inference.yml makes one."""

import numpy as np

import grps


@grps.model
def scale(x: np.ndarray) -> dict[str, np.ndarray]:
    """Bring the values of each row to between 0 and 1."""
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    return {"scaled": (x - low) / np.maximum(high - low, 1e-9)}


@grps.model
def best(scaled: np.ndarray) -> dict[str, np.ndarray]:
    """Find the largest value of each row."""
    return {"index": scaled.argmax(axis=1)}
