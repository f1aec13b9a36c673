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
from grps.sources.remote import Digest, RemoteFile, SourceChangedError

TRIES = 5
"""Failures one after another, without a byte between them, after which a download is given up."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
PART_SUFFIX = ".grps-part"
_READ_BYTES = 1 << 20

OnBytes = Callable[[int], None]
"""Takes the bytes of the file that are here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a download must keep to."""

    max_bytes: int
    """Most bytes of the file."""
    limit: str
    """What errors call that limit."""
    on_bytes: OnBytes


def download(file: RemoteFile, target: Path, terms: Terms) -> int:
    """Bring a file to ``target``; go on where an earlier attempt has stopped.

    Returns:
        The bytes that were fetched.

    Raises:
        SourceError: It has not the digest or the size that it must have, or is too large.
        SourceUnavailableError: It could not be fetched; the part that is here stays.
    """
    part = target.with_name(target.name + PART_SUFFIX)
    part.parent.mkdir(parents=True, exist_ok=True)
    resumed = part.exists() and part.stat().st_size > 0
    try:
        fetched = _fetch(file, part, terms)
    except SourceUnavailableError:
        raise
    except SourceError:
        part.unlink()
        raise
    fault = _fault(file, part)
    if fault is not None and resumed and fetched < part.stat().st_size:
        # The part that was here may be damaged.
        part.unlink()
        fetched += _fetch(file, part, terms)
        fault = _fault(file, part)
    if fault is not None:
        part.unlink()
        raise SourceError(fault)
    part.replace(target)
    return fetched


def matches(file: RemoteFile, path: Path) -> bool:
    """Return whether a file that was fetched before is whole."""
    return path.is_file() and _fault(file, path) is None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return _hashed(path, hashlib.sha256())


def _fetch(file: RemoteFile, part: Path, terms: Terms) -> int:
    """Fetch the rest of a file; return how many bytes that was."""
    fetched, failures, pause_s = 0, 0, FIRST_PAUSE_S
    while True:
        have = part.stat().st_size if part.exists() else 0
        if file.size is not None and have > file.size:
            part.unlink()
            have = 0
        if file.size is not None and have == file.size and part.exists():
            return fetched
        before = fetched
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
            failures, pause_s = (1, FIRST_PAUSE_S) if fetched > before else (failures + 1, pause_s)
            if failures >= TRIES:
                raise SourceUnavailableError(
                    f"{error} (given up after {TRIES} tries; the part that is here stays)"
                ) from error
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)


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
                raise SourceError(f"{file.path}: is larger than {terms.limit}")
            if done > most:
                raise SourceError(
                    f"{file.path}: the host sends more than the {file.size} bytes that it announced"
                )
            out.write(chunk)
            terms.on_bytes(done)
            yield len(chunk)


def _fault(file: RemoteFile, path: Path) -> str | None:
    size = path.stat().st_size
    if file.size is not None and size != file.size:
        return f"{file.path}: has {size} bytes, not {file.size}"
    for digest in file.digests:
        found = _digest_of(path, digest)
        if found != digest.hex:
            return (
                f"{file.path}: its {digest.kind} digest is {found}, not {digest.hex}: it is "
                "damaged or another file"
            )
    return None


def _digest_of(path: Path, digest: Digest) -> str:
    if digest.kind == "sha256":
        return sha256_of(path)
    blob = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    return _hashed(path, blob)


def _hashed(path: Path, state: Any) -> str:
    with path.open("rb") as stream:
        while chunk := stream.read(_READ_BYTES):
            state.update(chunk)
    return str(state.hexdigest())
