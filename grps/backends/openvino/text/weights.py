"""Weights of a ``.safetensors`` file as arrays."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from grps.errors import ModelError

_MAX_HEADER_BYTES = 100 << 20
_LENGTH_BYTES = 8
_DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
"""Types of weights; the numbers of others, such as positions, are left out."""


class Weights:
    """Weights by name, read as float32 when they are asked for."""

    def __init__(self, path: Path, prefix: str = "") -> None:
        """Read the head of a file.

        Args:
            path: The file.
            prefix: What names may begin with that are asked for without it.

        Raises:
            ModelError: It is missing or damaged.
        """
        self._path, self._prefix = path, prefix
        try:
            self._bytes = np.fromfile(path, np.uint8)
        except OSError as error:
            raise ModelError(f"{path}: can't be read: {error.strerror}") from error
        size = int.from_bytes(self._bytes[:_LENGTH_BYTES].tobytes(), "little")
        if not 0 < size <= min(_MAX_HEADER_BYTES, len(self._bytes) - _LENGTH_BYTES):
            raise ModelError(f"{path}: the file is damaged or cut short")
        self._data = self._bytes[_LENGTH_BYTES + size :]
        try:
            head = json.loads(self._bytes[_LENGTH_BYTES : _LENGTH_BYTES + size].tobytes())
        except ValueError as error:
            raise ModelError(f"{path}: the file is damaged: {error}") from error
        self._head: Mapping[str, Any] = head if isinstance(head, dict) else {}

    def get(self, name: str, *shape: int) -> np.ndarray:
        """Return a weight of this shape.

        Raises:
            ModelError: It is missing, has another shape, or lies outside of the file.
        """
        full = self._full(name)
        if full is None:
            raise ModelError(f"{self._path}: the weight {name} is missing")
        try:
            one = self._head[full]
            dtype, found = _DTYPES[one["dtype"]], tuple(one["shape"])
            start, end = one["data_offsets"]
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{self._path}: the weight {name} has no known type") from error
        size = np.dtype(dtype).itemsize * math.prod(shape)
        if found != shape or end - start != size or not 0 <= start <= end <= len(self._data):
            raise ModelError(f"{self._path}: the weight {name} is {list(found)}, not {list(shape)}")
        raw = np.frombuffer(self._data[start:end].tobytes(), dtype).reshape(shape)
        if one["dtype"] == "BF16":
            return (raw.astype("<u4") << 16).view("<f4")
        return raw.astype(np.float32)

    def _full(self, name: str) -> str | None:
        return next((one for one in (name, self._prefix + name) if one in self._head), None)
