"""Packs a project into one file, the same bytes each time for the same tree.

The format is described in ``docs/reference/archive-format.md``.
"""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from grps.deploy.archive.manifest import MANIFEST, MAX_ENTRIES, FileEntry, Manifest, check_paths
from grps.deploy.archive.tree import ARCHIVE_SUFFIX, Tree, TreeFile
from grps.errors import ArchiveError
from grps.server.files import current_umask

CHUNK_BYTES = 1024 * 1024
TIME = (1980, 1, 1, 0, 0, 0)
"""The time of every entry: the earliest that a ZIP file can hold."""
UNIX = 3
FILE_MODE, PROGRAM_MODE = 0o100644, 0o100755

OnBytes = Callable[[str, int, int], None]
"""Takes what is going on, the bytes done and the bytes in all."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A written archive."""

    path: Path
    size: int
    """In bytes."""
    sha256: str
    files: int
    links: tuple[tuple[str, Path], ...]
    """Paths that are links to somewhere outside of the project, and their targets."""


def pack(
    project: Path,
    output: Path,
    version: str,
    on_bytes: OnBytes,
    contents: Iterable[TreeFile] | None = None,
) -> Packed:
    """Write the archive of a project; an earlier one at ``output`` is replaced as a whole.

    Args:
        project: The project's folder.
        output: The archive to write.
        version: The version of GRPS, for the manifest.
        on_bytes: Receives the progress.
        contents: What it has; by default every file of the folder.

    Raises:
        ArchiveError: A file can't be packed, or changed meanwhile.
    """
    target = output.resolve()
    found = Tree(project).files() if contents is None else contents
    files = sorted((file for file in found if file.source != target), key=lambda file: file.path)
    if len(files) > MAX_ENTRIES:
        raise ArchiveError(f"{project} has {len(files)} files, at most {MAX_ENTRIES} are packed")
    check_paths(file.path for file in files)
    manifest = Manifest(
        grps_version=version,
        project=project.resolve().name,
        python_version=".".join(platform.python_version_tuple()[:2]),
        files=tuple(_entries(files, on_bytes)),
    )
    digest = _write(target, files, manifest, on_bytes)
    return Packed(target, target.stat().st_size, digest, len(files), _outside(files))


def _entries(files: list[TreeFile], on_bytes: OnBytes) -> Iterator[FileEntry]:
    total, done = sum(file.status.st_size for file in files), 0
    for file in files:
        digest, size = hashlib.sha256(), 0
        with file.source.open("rb") as stream:
            for chunk in _chunks(stream):
                digest.update(chunk)
                size += len(chunk)
                on_bytes("reading", done + size, total)
        done += size
        executable = bool(file.status.st_mode & 0o100)
        yield FileEntry(file.path, size, digest.hexdigest(), executable)


def _write(target: Path, files: list[TreeFile], manifest: Manifest, on_bytes: OnBytes) -> str:
    """Write beside the target, then put it in its place; return its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    number, temporary = tempfile.mkstemp(ARCHIVE_SUFFIX, f".{target.name}.", target.parent)
    try:
        with os.fdopen(number, "w+b") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
                archive.writestr(_head(MANIFEST, executable=False), manifest.encode())
                _write_files(archive, files, manifest, on_bytes)
            stream.flush()
            stream.seek(0)
            digest = hashlib.sha256()
            for chunk in _chunks(stream):
                digest.update(chunk)
            os.fchmod(stream.fileno(), 0o666 & ~current_umask())
        Path(temporary).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
    return digest.hexdigest()


def _write_files(
    archive: zipfile.ZipFile, files: list[TreeFile], manifest: Manifest, on_bytes: OnBytes
) -> None:
    total, done = sum(entry.size for entry in manifest.files), 0
    for file, entry in zip(files, manifest.files, strict=True):
        head = _head(entry.path, entry.executable)
        head.file_size = entry.size
        digest, size = hashlib.sha256(), 0
        with file.source.open("rb") as source, archive.open(head, "w") as written:
            for chunk in _chunks(source):
                digest.update(chunk)
                size += len(chunk)
                if size > entry.size:
                    break
                written.write(chunk)
                on_bytes("packing", done + size, total)
        if (size, digest.hexdigest()) != (entry.size, entry.sha256):
            raise ArchiveError(f"{entry.path}: the file changed while it was packed; try again")
        done += size


def _head(path: str, executable: bool) -> zipfile.ZipInfo:
    head = zipfile.ZipInfo(path, TIME)
    head.create_system = UNIX
    head.external_attr = (PROGRAM_MODE if executable else FILE_MODE) << 16
    head.compress_type = zipfile.ZIP_STORED
    return head


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK_BYTES):
        yield chunk


def _outside(files: list[TreeFile]) -> tuple[tuple[str, Path], ...]:
    """Name each link to the outside once, not each file below it."""
    links: dict[str, Path] = {}
    for file in files:
        if file.outside is not None:
            below = file.source.relative_to(file.outside)
            depth = len(below.parts)
            parts = file.path.split("/")
            links["/".join(parts[: len(parts) - depth])] = file.outside
    return tuple(links.items())
