"""Unpacks archives, which may come from anywhere, so that nothing outside the target changes.

All of an archive or nothing: files are written into a folder beside the target, checked, and the
folder is renamed at the end.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from grps.deploy.archive.manifest import (
    MANIFEST,
    MAX_ENTRIES,
    MAX_MANIFEST_BYTES,
    FileEntry,
    Manifest,
    check_path,
    decode_manifest,
    shown,
)
from grps.deploy.archive.zip_end import read_end
from grps.errors import ArchiveError
from grps.server.files import current_umask

GIB = 1024**3
CHUNK_BYTES = 1024 * 1024
ALLOWED_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ALLOWED_FLAGS = 0x2 | 0x4 | 0x8 | 0x800
"""Options of deflate, sizes after the data, names in UTF-8; nothing encrypted or patched."""
DOS_FOLDER = 0x10
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,
    NotImplementedError,
    ValueError,
    LookupError,
    OverflowError,
    MemoryError,
)
"""What reading a damaged ZIP raises."""

OTHER_FORMATS = ((b"\x1f\x8b", "a gzip"), (b"PK", "a ZIP"), (b"(\xb5/\xfd", "a zstd"))
TAR_MARK, TAR_MARK_AT = b"ustar", 257


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of an archive."""

    max_entries: int = MAX_ENTRIES
    max_total_bytes: int = 64 * GIB
    """All files unpacked."""
    max_ratio: int = 200
    """Unpacked bytes of a file to its packed bytes."""
    ratio_free_bytes: int = CHUNK_BYTES
    """Files up to this size may be packed at any ratio."""
    max_total_ratio: int = 20
    """Bytes of all files unpacked to the bytes of the archive. One of ``grpst archive`` has 1."""
    total_ratio_free_bytes: int = 16 * CHUNK_BYTES
    """Archives that unpack to no more than this may be packed at any ratio."""
    max_directory_bytes: int = 64 * 1024 * 1024
    """The ZIP's own list of entries."""


DEFAULT_LIMITS = Limits()
OnBytes = Callable[[str, int, int], None]
"""Takes what is going on, the bytes done and the bytes in all."""
Pair = tuple[zipfile.ZipInfo, FileEntry]
"""A file as the ZIP describes it, and as it is written."""
T = TypeVar("T")
Choose = Callable[[zipfile.ZipFile, Limits], tuple[T, list[Pair]]]
"""Reads what a ZIP says of itself; checks all of its entries, and returns those to unpack."""


def unpack(
    archive: Path,
    target: Path,
    *,
    limits: Limits = DEFAULT_LIMITS,
    on_bytes: OnBytes = lambda what, done, total: None,
) -> Manifest:
    """Unpack an archive into a new folder.

    Args:
        archive: The file.
        target: The folder to make; it must not exist.
        limits: Limits of the archive.
        on_bytes: Receives the progress.

    Raises:
        ArchiveError: The archive is damaged, unsafe or too large, or the folder can't be written.
            Nothing is left behind.
    """
    return unpack_files(archive, target, _own_files, limits=limits, on_bytes=on_bytes)


def unpack_files(
    archive: Path, target: Path, choose: Choose[T], *, limits: Limits, on_bytes: OnBytes
) -> T:
    """Unpack the files that ``choose`` returns into a new folder.

    Args:
        archive: The file.
        target: The folder to make; it must not exist.
        choose: Knows what a ZIP of this kind contains.
        limits: Limits of the archive.
        on_bytes: Receives the progress.

    Returns:
        What ``choose`` read.

    Raises:
        ArchiveError: As ``unpack``.
    """
    try:
        with archive.open("rb") as stream:
            try:
                return _unpack(stream, target, choose, limits, on_bytes)
            except DAMAGE as error:
                raise ArchiveError(f"the archive is damaged: {_line(error)}") from error
    except ArchiveError as error:
        raise ArchiveError(f"{archive}: {error}") from error
    except OSError as error:
        raise ArchiveError(f"{archive}: can't be unpacked: {_line(error)}") from error


def _unpack(
    stream: BinaryIO, target: Path, choose: Choose[T], limits: Limits, on_bytes: OnBytes
) -> T:
    if os.path.lexists(target):
        raise ArchiveError(f"{target} is already there")
    check_end(stream, limits)
    with zipfile.ZipFile(stream) as opened:
        read, pairs = choose(opened, limits)
        target.parent.mkdir(parents=True, exist_ok=True)
        total = sum(entry.size for _, entry in pairs)
        _check_total(total, stream.seek(0, os.SEEK_END), target.parent, limits)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            _write(opened, pairs, temporary, on_bytes)
            temporary.chmod(0o777 & ~current_umask())
            temporary.rename(target)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return read


def _own_files(opened: zipfile.ZipFile, limits: Limits) -> tuple[Manifest, list[Pair]]:
    heads = opened.infolist()
    manifest = _read_manifest(opened, heads)
    return manifest, _match(heads[1:], manifest, limits)


def check_end(stream: BinaryIO, limits: Limits) -> None:
    """Look at the sizes before the directory is read into memory.

    Raises:
        ArchiveError: There is too much, or the file is not a whole ZIP.
    """
    end = read_end(stream)
    if end is None:
        raise ArchiveError(_foreign(stream))
    if end.entries > limits.max_entries + 1:
        raise ArchiveError(f"{end.entries - 1} files, at most {limits.max_entries} are unpacked")
    if end.directory_bytes > limits.max_directory_bytes:
        raise ArchiveError(
            f"its list of entries has {end.directory_bytes} bytes, "
            f"at most {limits.max_directory_bytes} are read"
        )


def _read_manifest(opened: zipfile.ZipFile, heads: list[zipfile.ZipInfo]) -> Manifest:
    if not heads or heads[0].filename != MANIFEST or heads[0].header_offset != 0:
        raise ArchiveError(_again("a ZIP"))
    _check_plain(heads[0])
    if heads[0].file_size > MAX_MANIFEST_BYTES:
        raise ArchiveError(f"{MANIFEST} has over {MAX_MANIFEST_BYTES} bytes")
    with opened.open(heads[0]) as stream:
        data = stream.read(MAX_MANIFEST_BYTES + 1)
    return decode_manifest(data)


def _match(heads: list[zipfile.ZipInfo], manifest: Manifest, limits: Limits) -> list[Pair]:
    """Pair every entry with its line of the manifest, and check its size."""
    entries = {entry.path: entry for entry in manifest.files}
    pairs: dict[str, Pair] = {}
    for head in heads:
        if head.filename != MANIFEST:
            check_path(head.orig_filename)
        if head.filename in pairs or head.filename == MANIFEST:
            raise ArchiveError(f"{shown(head.filename)}: the entry is there twice")
        check_head(head, limits)
        entry = entries.get(head.filename)
        if entry is None:
            raise ArchiveError(f"{shown(head.filename)}: the entry is not in {MANIFEST}")
        if head.file_size != entry.size:
            raise ArchiveError(
                f"{shown(entry.path)}: {head.file_size} bytes, {entry.size} by {MANIFEST}"
            )
        pairs[entry.path] = (head, entry)
    if missing := sorted(entries.keys() - pairs.keys()):
        raise ArchiveError(f"{shown(missing[0])}: in {MANIFEST}, but not in the archive")
    return list(pairs.values())


def _check_total(total: int, archive_bytes: int, folder: Path, limits: Limits) -> None:
    """Check what all files have together: entries may share bytes, or each be just small enough."""
    if total > limits.max_total_bytes:
        raise ArchiveError(
            f"{total} bytes unpacked, at most {limits.max_total_bytes} are allowed "
            "(--max_unpacked_gib)"
        )
    packed_too_well = total > archive_bytes * limits.max_total_ratio
    if packed_too_well and total > limits.total_ratio_free_bytes:
        raise ArchiveError(
            f"{archive_bytes} bytes claim to unpack to {total}, more than "
            f"{limits.max_total_ratio} times as many; pack the project with: grpst archive PROJECT"
        )
    free = shutil.disk_usage(folder).free
    if total > free:
        raise ArchiveError(f"{total} bytes unpacked, but {folder} has room for {free}")


def check_head(head: zipfile.ZipInfo, limits: Limits) -> None:
    """Refuse everything but a plain file that is packed as files are.

    Raises:
        ArchiveError: It is something else.
    """
    _check_plain(head)
    _check_ratio(head, limits)


def _check_plain(head: zipfile.ZipInfo) -> None:
    name = shown(head.filename)
    if head.orig_filename != head.filename:
        raise ArchiveError(f"{shown(head.orig_filename)}: the name is ambiguous")
    if head.flag_bits & 0x1:
        raise ArchiveError(f"{name}: the entry is encrypted")
    if head.flag_bits & ~ALLOWED_FLAGS or head.compress_type not in ALLOWED_METHODS:
        raise ArchiveError(f"{name}: the entry is packed in a way that this format does not allow")
    kind = stat.S_IFMT(head.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise ArchiveError(f"{name}: the entry is a link")
    if kind not in (0, stat.S_IFREG) or head.external_attr & DOS_FOLDER:
        raise ArchiveError(f"{name}: the entry is not a plain file")


def _check_ratio(head: zipfile.ZipInfo, limits: Limits) -> None:
    if head.file_size <= limits.ratio_free_bytes:
        return
    if head.file_size > head.compress_size * limits.max_ratio:
        raise ArchiveError(
            f"{shown(head.filename)}: {head.compress_size} bytes claim to unpack to "
            f"{head.file_size}, more than {limits.max_ratio} times as many"
        )


def _write(
    opened: zipfile.ZipFile,
    pairs: list[Pair],
    folder: Path,
    on_bytes: OnBytes,
) -> None:
    total, done = sum(entry.size for _, entry in pairs), 0
    for head, entry in pairs:
        path = folder.joinpath(*entry.path.split("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = 0o777 if entry.executable else 0o666
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        digest, size = hashlib.sha256(), 0
        with opened.open(head) as source, os.fdopen(os.open(path, flags, mode), "wb") as written:
            while chunk := source.read(CHUNK_BYTES):
                size += len(chunk)
                if size > entry.size:
                    break
                digest.update(chunk)
                written.write(chunk)
                on_bytes("unpacking", done + size, total)
        if size != entry.size:
            raise ArchiveError(f"{shown(entry.path)}: not the {entry.size} bytes it should have")
        if entry.sha256 and digest.hexdigest() != entry.sha256:
            raise ArchiveError(f"{shown(entry.path)}: the contents don't match their SHA-256")
        done += size


def _foreign(stream: BinaryIO) -> str:
    """Say what a file is that is not one of our archives."""
    stream.seek(0)
    start = stream.read(TAR_MARK_AT + len(TAR_MARK))
    if start[TAR_MARK_AT:] == TAR_MARK:
        return _again("a tar")
    for mark, kind in OTHER_FORMATS:
        if start.startswith(mark):
            return _again(kind if mark != b"PK" else "a cut or damaged ZIP")
    return "not an archive of grpst archive"


def _again(kind: str) -> str:
    return (
        f"{kind} file, but not one that this grpst packs (an archive of GRPS 1.x?); "
        "pack the project again with: grpst archive PROJECT"
    )


def _line(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
