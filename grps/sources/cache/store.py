"""The folder of the cache.

- ``models/DIGEST/NAME`` is a model, a file or a folder; the digest is that of its content.
- ``models/DIGEST.json`` describes it, and ``models/DIGEST.use`` is locked by those that use it.
- ``sources/KEY.json`` is what was last found at a URI, and which model that is.
- ``partial/KEY-IDENTITY/`` is a model that is being fetched.
- ``locks/`` has a file for each URI that is or was fetched.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from grps.sources.cache.locks import Lease, locked, locked_now

_Record = TypeVar("_Record", bound=msgspec.Struct)
STALE_PARTIAL_S = 7 * 24 * 3600
"""A model that was fetched in part is removed when nobody has gone on for so long."""


class CachedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a model in the cache."""

    path: str
    size: int
    sha256: str
    marker: str | None = None
    """What its host said of it."""


class SourceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was last found at a URI."""

    uri: str
    identity: str | None
    digest: str
    """The model in the cache."""
    files: tuple[CachedFile, ...]
    checked_at: float
    """Seconds since the epoch."""


class ModelRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A model in the cache."""

    name: str
    bytes: int
    uri: str
    """Where it was first fetched from."""


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model in the cache, for those who look at it."""

    digest: str
    uri: str
    path: Path
    size: int
    used_at: float
    in_use: bool


class Cache:
    """The cache in a folder."""

    def __init__(self, folder: Path) -> None:
        """Use a folder, which need not exist."""
        self.folder = folder
        self._models = folder / "models"
        self._partial = folder / "partial"

    def lock(self, key: str, on_wait: Callable[[], None]) -> AbstractContextManager[None]:
        """Hold the lock of a URI: one process at a time fetches it."""
        return locked(self.folder / "locks" / f"{key}.lock", on_wait=on_wait)

    def fetching(self) -> AbstractContextManager[None]:
        """Keep others from removing what is being fetched."""
        return locked(self.folder / "locks" / "fetching", shared=True)

    def record_of(self, key: str) -> SourceRecord | None:
        """Return what was last found at a URI; ``None`` if its model is not here any more."""
        record = _read(self._record_path(key), SourceRecord)
        return record if record is not None and self._is_here(record.digest) else None

    def lease(self, digest: str) -> tuple[Path, Lease] | None:
        """Return a model, and what keeps it there; ``None`` if it is not here."""
        held = Lease(self._models / f"{digest}.use")
        record = _read(self._models / f"{digest}.json", ModelRecord)
        path = self._models / digest / record.name if record is not None else None
        if path is None or not path.exists():
            held.release()
            return None
        return path, held

    def whole_path(self, known: SourceRecord) -> Path | None:
        """Return a model whose files are all as they were fetched; ``None`` otherwise.

        Nothing is written.
        """
        record = _read(self._models / f"{known.digest}.json", ModelRecord)
        if record is None or digest_of(record.name, known.files) != known.digest:
            return None
        path = self._models / known.digest / record.name
        places = {file: path / file.path if path.is_dir() else path for file in known.files}
        is_whole = all(_sha256(place) == file.sha256 for file, place in places.items())
        return path if is_whole else None

    def lease_to_read(self, digest: str) -> Lease:
        """Return what keeps a model in a cache that can't be written."""
        return Lease(self._models / f"{digest}.use", writes=False)

    def partial(self, key: str, identity: str | None) -> Path:
        """Return the folder of a model that is being fetched; others of its URI are removed.

        Without an identity nothing says that an earlier part is of the same model.
        """
        own = self._partial / f"{key[:32]}-{(identity or 'unknown')[:32]}"
        for left in self._partial.glob(f"{key[:32]}-*"):
            if left != own or identity is None:
                shutil.rmtree(left, ignore_errors=True)
        own.mkdir(parents=True, exist_ok=True)
        return own

    def publish(
        self, partial: Path, name: str, files: tuple[CachedFile, ...], uri: str
    ) -> tuple[str, Path, Lease]:
        """Put a fetched model into the cache, as a whole.

        Args:
            partial: The folder that it was fetched into; it has one entry, ``name``.
            name: The file or folder.
            files: What is in it.
            uri: Where it is from.

        Returns:
            Its digest, its place and what keeps it there.
        """
        digest = digest_of(name, files)
        target = self._models / digest
        held = Lease(self._models / f"{digest}.use")
        for file in partial.rglob("*"):
            if file.is_file():
                file.chmod(0o444)
        # The same model may come from another URI at the same time.
        with locked(self.folder / "locks" / f"model-{digest}"):
            if (target / name).exists():
                shutil.rmtree(partial)
            else:
                shutil.rmtree(target, ignore_errors=True)
                size = sum(file.size for file in files)
                record = ModelRecord(name=name, bytes=size, uri=uri)
                _write(self._models / f"{digest}.json", msgspec.json.encode(record))
                partial.rename(target)
        return digest, target / name, held

    def note(self, key: str, record: SourceRecord) -> None:
        """Remember what was found at a URI."""
        _write(self._record_path(key), msgspec.json.encode(record))

    def models(self) -> list[CachedModel]:
        """Return the models, that which was used last first."""
        found = []
        for file in self._models.glob("*.json"):
            record = _read(file, ModelRecord)
            digest = file.stem
            if record is None or not (self._models / digest / record.name).exists():
                continue
            use = self._models / f"{digest}.use"
            with suppress(FileNotFoundError):
                used_at = use.stat().st_mtime
                with locked_now(use) as free:
                    path = self._models / digest / record.name
                    found.append(
                        CachedModel(digest, record.uri, path, record.bytes, used_at, not free)
                    )
        return sorted(found, key=lambda model: model.used_at, reverse=True)

    def evict(
        self, max_bytes: int, on_busy: Callable[[], None] = lambda: None
    ) -> list[CachedModel]:
        """Remove models that nobody uses, that which was used longest ago first.

        Nothing is removed while another process fetches a model.

        Args:
            max_bytes: What may stay.
            on_busy: Called if another process fetches a model.

        Returns:
            What was removed.
        """
        removed: list[CachedModel] = []
        with locked_now(self.folder / "locks" / "fetching") as alone:
            if not alone:
                on_busy()
                return removed
            self._remove_stale_parts()
            models = self.models()
            total = sum(model.size for model in models)
            for model in reversed(models):
                if total <= max_bytes:
                    break
                if self._remove(model):
                    removed.append(model)
                    total -= model.size
        return removed

    def _remove(self, model: CachedModel) -> bool:
        with locked_now(self._models / f"{model.digest}.use") as free:
            if not free:
                return False
            (self._models / f"{model.digest}.json").unlink(missing_ok=True)
            shutil.rmtree(self._models / model.digest, ignore_errors=True)
        return True

    def _remove_stale_parts(self) -> None:
        now = time.time()
        for part in _folders(self._partial):
            newest = max((one.stat().st_mtime for one in (part, *part.rglob("*"))), default=now)
            if now - newest > STALE_PARTIAL_S:
                shutil.rmtree(part, ignore_errors=True)

    def _is_here(self, digest: str) -> bool:
        record = _read(self._models / f"{digest}.json", ModelRecord)
        return record is not None and (self._models / digest / record.name).exists()

    def _record_path(self, key: str) -> Path:
        return self.folder / "sources" / f"{key}.json"


def digest_of(name: str, files: tuple[CachedFile, ...]) -> str:
    """Return the digest of a model: of the names, sizes and digests of its files."""
    facts = [[file.path, file.size, file.sha256] for file in files]
    return hashlib.sha256(json.dumps([name, facts]).encode()).hexdigest()


def _sha256(path: Path) -> str | None:
    """Return the digest of a file; ``None`` if there is none."""
    if not path.is_file():
        return None
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _folders(path: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        yield from (entry for entry in path.iterdir() if entry.is_dir())


def _write(path: Path, data: bytes) -> None:
    """Write a file that others may read at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(number, "wb") as stream:
        # As the models are: a cache in an image is read under any user.
        os.fchmod(number, 0o644)
        stream.write(data)
    os.replace(temporary, path)


def _read(path: Path, kind: type[_Record]) -> _Record | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None
