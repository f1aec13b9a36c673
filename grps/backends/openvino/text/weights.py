"""The weights of a text model as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grps.backends.common.language.safetensors import stored_tensors
from grps.errors import ModelError

_DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""Types of weights, and what they are read as."""


class Weights:
    """Weights by name, read as float32 when they are asked for."""

    def __init__(self, folder: Path, prefix: str = "") -> None:
        """Find the weights of a model, without reading them.

        Args:
            folder: Its directory.
            prefix: What names may begin with that are asked for without it.

        Raises:
            ModelError: A file is missing or damaged.
        """
        self._folder = folder
        self._prefix = prefix
        self._stored = stored_tensors(folder)

    def get(self, name: str, *shape: int) -> np.ndarray:
        """Return a weight of this shape.

        Raises:
            ModelError: It is missing, or has another shape or a type that weights do not have.
        """
        stored = self._stored.get(name) or self._stored.get(self._prefix + name)
        if stored is None:
            raise ModelError(f"{self._folder}: the weight {name} is missing")
        if stored.dtype not in _DTYPES:
            raise ModelError(
                f"{stored.file}: the weight {name} has type {stored.dtype}; "
                f"{', '.join(_DTYPES)} are read"
            )
        if stored.shape != shape:
            raise ModelError(
                f"{stored.file}: the weight {name} is {list(stored.shape)}, not {list(shape)}"
            )
        raw = np.empty(shape, _DTYPES[stored.dtype])
        stored.read_into(raw.reshape(-1).view(np.uint8).data)
        if stored.dtype == "BF16":
            return (raw.astype("<u4") << 16).view("<f4")
        return raw.astype(np.float32)
