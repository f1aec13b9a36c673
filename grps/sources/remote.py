"""What a scheme finds at a URI: files that are not here yet."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from grps.errors import SourceError, SourceUnavailableError

MAX_FILES = 10_000
_LONGEST_PATH = 1024


class SourceChangedError(SourceUnavailableError):
    """A file has changed while it was fetched; what is there must be looked up again."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest that a file must have."""

    kind: Literal["sha256", "git"]
    """``git`` is the SHA-1 of a blob of Git: of its length and its bytes."""
    hex: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The bytes of a file from some offset on."""

    start: int
    """Where they begin: the offset that was asked for, or 0 where that is not possible."""
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file of a model."""

    path: str
    """Its place in the model, with ``/`` between the parts."""
    size: int | None
    """Its bytes; ``None`` where the host does not say."""
    marker: str | None
    """Changes when the content does; ``None`` where nothing says so."""
    open: Callable[[int], AbstractContextManager[Opened]]
    """Opens it at an offset; raises ``SourceUnavailableError`` if trying again may help."""
    digests: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model as it is at its host."""

    name: str
    """The name of its file or of its folder."""
    files: tuple[RemoteFile, ...]
    is_folder: bool
    """Whether it is a folder of files; else it is one file, called ``name``."""

    @property
    def size(self) -> int | None:
        """Bytes of all files; ``None`` where the host does not say."""
        total = 0
        for file in self.files:
            if file.size is None:
                return None
            total += file.size
        return total

    @property
    def identity(self) -> str | None:
        """Changes when any file does; ``None`` where nothing says so."""
        if any(file.marker is None for file in self.files):
            return None
        facts = sorted((file.path, file.size, file.marker) for file in self.files)
        return hashlib.sha256(json.dumps([self.name, facts]).encode()).hexdigest()


def checked_path(path: str, owner: str) -> str:
    """Return the path of a file in a model if it stays inside.

    Args:
        path: As the host gives it.
        owner: What errors say first.

    Raises:
        SourceError: It is absolute, leads elsewhere, or is too long.
    """
    parts = path.split("/")
    if (
        not path
        or len(path.encode("utf-8", "replace")) > _LONGEST_PATH
        or any(part in ("", ".", "..") or len(part.encode()) > 255 for part in parts)
        or any(not character.isprintable() for character in path)
        or "\\" in path
    ):
        raise SourceError(f"{owner}: has a file with the path {path[:100]!r}, which is not safe")
    return str(PurePosixPath(path))


def checked_files(files: Sequence[RemoteFile], owner: str) -> tuple[RemoteFile, ...]:
    """Return the files of a model in the order of their paths.

    Raises:
        SourceError: There are none or too many, or one is also a folder.
    """
    if not files:
        raise SourceError(f"{owner}: no file is there")
    if len(files) > MAX_FILES:
        raise SourceError(f"{owner}: has {len(files)} files; a model has at most {MAX_FILES}")
    paths = {checked_path(file.path, owner) for file in files}
    if len(paths) != len(files):
        raise SourceError(f"{owner}: has two files with one path")
    for path in paths:
        if any(str(parent) in paths for parent in PurePosixPath(path).parents):
            raise SourceError(f"{owner}: {path} is in a folder that is also a file")
    return tuple(sorted(files, key=lambda file: file.path))
