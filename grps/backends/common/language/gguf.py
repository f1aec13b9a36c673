"""Reading the metadata of a GGUF file; its tensors are left alone."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from grps.errors import ModelError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = {
    0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d",
}  # fmt: skip
"""How ``struct`` calls the scalar types, by their numbers in the file."""
_STRING, _ARRAY = 8, 9
_MAX_ENTRIES = 65_536
_MAX_STRING_BYTES = 1 << 24
_MAX_ELEMENTS = 1 << 22


class _Reader:
    """Values from a file, each with a check of its bounds."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path

    def fault(self, what: str) -> ModelError:
        return ModelError(f"{self._path}: not a GGUF file that can be read: {what}")

    def take(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise self.fault("it ends too early")
        return data

    def scalar(self, kind: str) -> Any:
        return struct.unpack("<" + kind, self.take(struct.calcsize("<" + kind)))[0]

    def length(self, most: int, what: str) -> int:
        length: int = self.scalar("Q")
        if length > most:
            raise self.fault(f"{what} has length {length}, more than {most}")
        return length

    def text(self) -> str:
        data = self.take(self.length(_MAX_STRING_BYTES, "a text"))
        return data.decode("utf-8", errors="replace")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self.array()
        if kind not in _SCALARS:
            raise self.fault(f"unknown type {kind}")
        return self.scalar(_SCALARS[kind])

    def array(self) -> list[Any]:
        kind = self.scalar("I")
        length = self.length(_MAX_ELEMENTS, "an array")
        if kind in _SCALARS:
            packed = f"<{length}{_SCALARS[kind]}"
            return list(struct.unpack(packed, self.take(struct.calcsize(packed))))
        if kind != _STRING:
            raise self.fault(f"an array of type {kind}")
        return [self.text() for _ in range(length)]


def read_metadata(path: Path) -> Mapping[str, Any]:
    """Return the metadata of a GGUF file by its keys.

    Raises:
        ModelError: The file is none, is damaged, or has a version that is not known.
    """
    with path.open("rb") as file:
        reader = _Reader(file, path)
        if reader.take(len(_MAGIC)) != _MAGIC:
            raise reader.fault("it begins with other bytes")
        version = reader.scalar("I")
        if version not in _VERSIONS:
            raise reader.fault(f"version {version}; versions 2 and 3 are known")
        reader.scalar("Q")  # number of tensors
        entries = reader.length(_MAX_ENTRIES, "the metadata")
        found = {}
        for _ in range(entries):
            key = reader.text()
            found[key] = reader.value(reader.scalar("I"))
        return found
