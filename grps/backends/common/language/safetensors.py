"""Where tensors are in safetensors files, each size checked before it is used.

A file is a number of 8 bytes, a JSON object of that length which says where each tensor is, and
the bytes of all tensors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grps.errors import ModelError

_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 100 << 20
_ITEM_BYTES = {
    **dict.fromkeys(("F64", "I64", "U64"), 8),
    **dict.fromkeys(("F32", "I32", "U32"), 4),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 2),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL"), 1),
}


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a tensor is."""

    file: Path
    start: int
    """Its first byte in the file."""
    dtype: str
    """By the name of the format, such as ``BF16``."""
    shape: tuple[int, ...]

    def read_into(self, view: memoryview) -> None:
        """Read the bytes of the tensor, little-endian and by rows.

        Args:
            view: As many bytes as the tensor has.

        Raises:
            ModelError: The file has become shorter.
        """
        with self.file.open("rb") as file:
            file.seek(self.start)
            if file.readinto(view) != len(view):
                raise ModelError(f"{self.file}: it ends too early; copy the file again")


def stored_tensors(folder: Path) -> dict[str, Stored]:
    """Return where the tensors of a model are, by their names.

    Args:
        folder: Its directory, with one file or with an index of several.

    Raises:
        ModelError: A file is missing or damaged, or has tensors of an unknown type.
    """
    if not (folder / _INDEX).exists():
        return tensors_of_file(folder / _SINGLE)
    where = _json(folder / _INDEX, (folder / _INDEX).read_bytes()).get("weight_map")
    if not isinstance(where, dict) or not all(isinstance(name, str) for name in where.values()):
        raise ModelError(f"{folder / _INDEX}: weight_map does not name a file for each tensor")
    found: dict[str, Stored] = {}
    for name in sorted(set(where.values())):
        if Path(name).name != name or name == "..":
            raise ModelError(f"{folder / _INDEX}: {name!r} is not the name of a file beside it")
        found |= tensors_of_file(folder / name)
    missing = sorted(where.keys() - found.keys())
    if missing:
        raise ModelError(f"{folder}: no file has the tensor {missing[0]!r}, which the index names")
    return found


def tensors_of_file(path: Path) -> dict[str, Stored]:
    """Return where the tensors of one file are, by their names.

    Raises:
        ModelError: It is missing or damaged, or has tensors of an unknown type.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
            if size < _LENGTH_BYTES or length > min(_MAX_HEADER_BYTES, size - _LENGTH_BYTES):
                raise ModelError(f"{path}: not a safetensors file, or cut short")
            header = file.read(length)
    except OSError as error:
        raise ModelError(f"{path}: can't be read: {error.strerror}") from error
    start = _LENGTH_BYTES + length
    described = _json(path, header)
    described.pop("__metadata__", None)
    return {name: _entry(path, name, one, start, size) for name, one in described.items()}


def _entry(path: Path, name: str, described: Any, start: int, size: int) -> Stored:
    """Return where one tensor is; its bytes are in the file, and as many as its shape needs."""

    def fault(what: str) -> ModelError:
        return ModelError(f"{path}: tensor {name!r}: {what}")

    if not isinstance(described, Mapping):
        raise fault("not described by a JSON object")
    dtype = str(described.get("dtype"))
    if dtype not in _ITEM_BYTES:
        raise fault(f"unknown type {dtype!r}; known are {', '.join(_ITEM_BYTES)}")
    shape, offsets = _counts(described.get("shape")), _counts(described.get("data_offsets"))
    if shape is None or offsets is None or len(offsets) != 2:
        raise fault("shape or data_offsets are no lists of numbers")
    begin, end = offsets
    if not begin <= end <= size - start:
        raise fault("its bytes are outside of the file; copy the file again")
    if end - begin != math.prod(shape) * _ITEM_BYTES[dtype]:
        raise fault(f"{end - begin} bytes, but its shape is {shape}")
    return Stored(path, start + begin, dtype, tuple(shape))


def _counts(value: Any) -> list[int] | None:
    """Return a list of numbers of 0 or more; ``None`` for anything else."""
    fits = isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)
    return value if fits else None


def _json(path: Path, text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: its header is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{path}: its header is not a JSON object")
    return found
