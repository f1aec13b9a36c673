"""Downloads of single files: what is there already stays, and what arrives is checked."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from grps.errors import SourceError, SourceUnavailableError
from grps.sources.remote import RemoteFile, SourceChangedError

TRIES = 5
"""Failures one after another, without getting further, after which a download is given up."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
PART_SUFFIX = ".grps-part"
_READ_BYTES = 1 << 20

OnBytes = Callable[[int], None]
"""Takes the bytes of the file that are here."""


class _ExcessError(SourceError):
    """More bytes came than may; what is here is of no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a download must keep to."""

    max_bytes: int
    """Most bytes of the file."""
    limit: str
    """What errors call that limit."""
    on_bytes: OnBytes


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that is here."""

    sha256: str
    fetched_bytes: int


def download(file: RemoteFile, target: Path, terms: Terms) -> Downloaded:
    """Bring a file to ``target``; go on where an earlier attempt has stopped.

    Raises:
        SourceError: It has not the digest or the size that it must have, or is too large.
        SourceUnavailableError: It could not be fetched; the part that is here stays.
    """
    part = target.with_name(target.name + PART_SUFFIX)
    part.parent.mkdir(parents=True, exist_ok=True)
    resumed = part.exists() and part.stat().st_size > 0
    try:
        fetched = _fetch(file, part, terms)
    except (SourceChangedError, _ExcessError):
        part.unlink(missing_ok=True)
        raise
    sha256, fault = _checked(file, part)
    if fault is not None and resumed and fetched < part.stat().st_size:
        # The part that was here may be damaged.
        part.unlink()
        fetched += _fetch(file, part, terms)
        sha256, fault = _checked(file, part)
    if fault is not None:
        part.unlink()
        raise SourceError(fault)
    part.replace(target)
    return Downloaded(sha256, fetched)


def sha256_if_whole(file: RemoteFile, path: Path) -> str | None:
    """Return the SHA-256 of a file that was fetched before; ``None`` if it is not whole."""
    if not path.is_file():
        return None
    sha256, fault = _checked(file, path)
    return sha256 if fault is None else None


def _fetch(file: RemoteFile, part: Path, terms: Terms) -> int:
    """Fetch the rest of a file; return how many bytes that was."""
    fetched, failures, pause_s = 0, 0, FIRST_PAUSE_S
    most = _size(part)
    while True:
        have = _size(part)
        if file.size is not None and have > file.size:
            part.unlink()
            have = 0
        if file.size is not None and have == file.size and part.exists():
            return fetched
        try:
            with part.open("ab") as out:
                try:
                    for count in _receive(file, out, have, terms):
                        fetched += count
                finally:
                    out.flush()
                    os.fsync(out.fileno())
            if file.size is None or part.stat().st_size == file.size:
                return fetched
            raise SourceUnavailableError(f"{file.path}: the connection ended before the file did")
        except SourceChangedError:
            raise
        except SourceUnavailableError as error:
            # A try that began again at 0 and came no further has got nowhere.
            further = _size(part) > most
            most = max(most, _size(part))
            failures, pause_s = (1, FIRST_PAUSE_S) if further else (failures + 1, pause_s)
            if failures >= TRIES:
                raise SourceUnavailableError(
                    f"{error} (given up after {TRIES} tries; the part that is here stays)"
                ) from error
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _receive(file: RemoteFile, out: BinaryIO, have: int, terms: Terms) -> Any:
    """Write what arrives behind what is there; yield the bytes of each chunk."""
    with file.open(have) as opened:
        if opened.start != have:
            out.truncate(0)
        done = opened.start
        most = terms.max_bytes if file.size is None else min(file.size, terms.max_bytes)
        for chunk in opened.chunks:
            done += len(chunk)
            if done > terms.max_bytes:
                raise _ExcessError(f"{file.path}: is larger than {terms.limit}")
            if done > most:
                raise _ExcessError(
                    f"{file.path}: the host sends more than the {file.size} bytes that it announced"
                )
            out.write(chunk)
            terms.on_bytes(done)
            yield len(chunk)


def _checked(file: RemoteFile, path: Path) -> tuple[str, str | None]:
    """Return the SHA-256 of a file, and what is wrong with the file."""
    size = path.stat().st_size
    sha256 = hashlib.sha256()
    blob = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    wants_blob = any(digest.kind == "git" for digest in file.digests)
    with path.open("rb") as stream:
        while chunk := stream.read(_READ_BYTES):
            sha256.update(chunk)
            if wants_blob:
                blob.update(chunk)
    found = {"sha256": sha256.hexdigest(), "git": blob.hexdigest()}
    if file.size is not None and size != file.size:
        return found["sha256"], f"{file.path}: has {size} bytes, not {file.size}"
    for digest in file.digests:
        if found[digest.kind] != digest.hex:
            return found["sha256"], (
                f"{file.path}: its {digest.kind} digest is {found[digest.kind]}, not "
                f"{digest.hex}: it is damaged or another file"
            )
    return found["sha256"], None
