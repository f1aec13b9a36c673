"""Weights that an ONNX model keeps in files of their own, read instead of mapped.

ONNX Runtime maps such files into its memory. If one of them is overwritten while the model is
served, its answers change; if it gets shorter, the process ends by SIGBUS.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import numpy as np

from grps.errors import ModelError
from grps.log import logger

if TYPE_CHECKING:
    import onnxruntime

_LOCATION = re.compile(rb"\n\x08location\x12")
"""A ``StringStringEntryProto`` with this key; the length of its value and the value follow."""
_READ_DIRECTLY = "session.use_external_initializer_file_buffers_directly"
_MOST_NAME_BYTES = 4096
_PART_BYTES = 1 << 24

Contents = np.ndarray
Key = tuple[str, int, int, int, int]


class _Files:
    """Files that are in memory, shared by all copies of the models that use them."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[Key, Contents] = WeakValueDictionary()
        self._reading = threading.Lock()

    def read(self, path: Path) -> Contents:
        """Return the bytes of a file as they are now."""
        with self._reading:
            status = path.stat()
            key = (
                str(path),
                status.st_dev,
                status.st_ino,
                status.st_size,
                status.st_mtime_ns,
            )
            found = self._known.get(key)
            if found is None:
                found = np.fromfile(path, dtype=np.uint8)
                self._known[key] = found
            return found


_FILES = _Files()


def read_external_data(path: Path, options: onnxruntime.SessionOptions) -> list[Contents]:
    """Give a session the files beside its model in memory.

    Args:
        path: The model.
        options: Of the session that is to be made.

    Returns:
        What has to live as long as the session.

    Raises:
        ModelError: A file can't be read.
    """
    names = external_names(path)
    if not names:
        return []
    if not hasattr(options, "add_external_initializers_from_files_in_memory"):
        logger.warning(
            "%s: this version of ONNX Runtime maps %s; replace the files by a rename only",
            path,
            ", ".join(names),
        )
        return []
    try:
        contents = [_FILES.read(path.parent / name) for name in names]
    except OSError as error:
        raise ModelError(f"{error.filename or path}: can't be read: {error.strerror}") from error
    options.add_session_config_entry(_READ_DIRECTLY, "1")
    sizes = [len(content) for content in contents]
    options.add_external_initializers_from_files_in_memory(names, contents, sizes)
    return contents


def external_names(path: Path) -> list[str]:
    """Return the names of the files beside a model that it refers to."""
    return list(dict.fromkeys(_locations(path)))


def _locations(path: Path) -> Iterator[str]:
    """Yield the names of files that are beside a model and that it refers to.

    What leads out of the model's folder is left to ONNX Runtime, which refuses it.
    """
    part = b""
    with path.open("rb") as file:
        while more := file.read(_PART_BYTES):
            # A name that the end of a part cuts off is whole in the next one.
            part = part[-2 * _MOST_NAME_BYTES :] + more
            yield from _names_in(part, path)


def _names_in(model: bytes, path: Path) -> Iterator[str]:
    for found in _LOCATION.finditer(model):
        at, length, shift = found.end(), 0, 0
        while at < len(model) and model[at] & 0x80 and shift < 21:
            length |= (model[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
        length |= model[at] << shift if at < len(model) else 0
        raw = model[at + 1 : at + 1 + length]
        name = raw.decode(errors="replace")
        if 0 < length <= _MOST_NAME_BYTES and "\0" not in name and _is_beside(path, name):
            yield name


def _is_beside(path: Path, name: str) -> bool:
    location = Path(name)
    inside = not location.is_absolute() and ".." not in location.parts
    return inside and (path.parent / location).is_file()
