"""Archives on their way: kept by their SHA-256, received in chunks, checked at the end."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

from grps.errors import ArchiveError

CHUNK_BYTES = 8 * 1024 * 1024
MAX_ARCHIVE_BYTES = 64 * 1024**3
DIGEST = re.compile(r"[0-9a-f]{64}")
UNUSED_S = 600.0
"""An archive that no deployment refers to yet is kept for this long: its deployment comes next."""


class ArchiveFolder:
    """A folder of archives."""

    def __init__(self, root: Path, max_bytes: int = MAX_ARCHIVE_BYTES) -> None:
        """Use a folder, which is made when it is needed.

        Args:
            root: The folder.
            max_bytes: The largest archive that is received.
        """
        self._root = root
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def path_of(self, digest: str) -> Path:
        """Return the file of an archive.

        Raises:
            ArchiveError: It is not here.
        """
        path = self._file(digest)
        if not path.is_file():
            raise ArchiveError(f"the archive {digest[:12]}… is not kept here; deploy it again")
        return path

    def has(self, digest: str) -> bool:
        """Return whether an archive is here as a whole."""
        return self._file(digest).is_file()

    def receive(self, digest: str, offset: int, chunk: bytes, *, last: bool) -> None:
        """Take the next bytes of an archive.

        Args:
            digest: The SHA-256 that the whole will have.
            offset: Where the chunk begins; 0 begins anew.
            chunk: The bytes.
            last: Whether nothing follows.

        Raises:
            ArchiveError: A chunk is missing, it is too large, or the whole has another SHA-256.
        """
        # Of this process: several replicas of a host may fetch the same archive.
        part = self._file(digest).with_suffix(f".{os.getpid()}.part")
        with self._lock:
            if offset + len(chunk) > self._max_bytes:
                part.unlink(missing_ok=True)
                raise ArchiveError(f"the archive has more than {self._max_bytes} bytes")
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if offset == 0:
                part.unlink(missing_ok=True)
            size = part.stat().st_size if part.exists() else 0
            if size != offset:
                raise ArchiveError(f"a chunk at {offset} came, {size} was expected")
            with part.open("ab") as file:
                file.write(chunk)
            if last:
                self._finish(part, digest)

    def keep(self, wanted: Collection[str]) -> None:
        """Delete the archives that are not wanted, and not just received."""
        with self._lock:
            if not self._root.is_dir():
                return
            for path in self._root.iterdir():
                with suppress(OSError):
                    is_old = time.time() - path.stat().st_mtime > UNUSED_S
                    if path.stem not in wanted and is_old:
                        path.unlink()

    def _finish(self, part: Path, digest: str) -> None:
        found = digest_of(part)
        if found != digest:
            part.unlink()
            raise ArchiveError(f"the archive came with the SHA-256 {found}, not {digest}")
        part.replace(self._file(digest))

    def _file(self, digest: str) -> Path:
        if not DIGEST.fullmatch(digest):
            raise ArchiveError(f"{digest[:80]!r} is not a SHA-256")
        return self._root / f"{digest}.mar"


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def read_chunk(path: Path, offset: int) -> bytes:
    """Return the bytes of a file from an offset on, as many as one chunk has."""
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(CHUNK_BYTES)


def chunks_of(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Yield a file as offset, bytes and whether nothing follows."""
    size, offset = path.stat().st_size, 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(CHUNK_BYTES)
            end = offset + len(chunk)
            yield offset, chunk, end >= size
            if end >= size or not chunk:
                return
            offset = end
