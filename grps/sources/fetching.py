"""From a URI to a model on this machine."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from grps.errors import SourceError, SourceUnavailableError
from grps.sources.cache.locks import Lease
from grps.sources.cache.store import Cache, CachedFile, SourceRecord
from grps.sources.download import Terms, download, sha256_if_whole
from grps.sources.network.hosts import HostPolicy
from grps.sources.network.web import Web
from grps.sources.remote import Digest, RemoteFile, RemoteModel, SourceChangedError
from grps.sources.schemes.table import FINDERS, is_pinned
from grps.sources.settings import Settings
from grps.sources.uri import SourceUri

_CHANGES = 3
"""So often a model may change while it is fetched."""
_PAUSES_S = (0.25, 1.0)
"""Between the tries to look a model up."""
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
"""Errors of a folder that can't be written."""
_SPARE_BYTES = 64 * 1024 * 1024
"""What a disk must have left besides."""

OnBytes = Callable[[str, int, int], None]
"""Takes what is going on, the bytes done and the bytes in all."""
OnLine = Callable[[str], None]
"""Takes a line for people."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A model that is here."""

    path: Path
    """The file or folder; nothing may be written there."""
    digest: str
    """Changes when the content does."""
    lease: Lease
    """Keeps it in the cache; release it when the model is not used any more."""
    fetched_bytes: int
    """What came over the network; 0 if it was here."""


class Sources:
    """Fetches models by their URIs."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_bytes: OnBytes = lambda what, done, total: None,
        on_line: OnLine = lambda line: None,
    ) -> None:
        """Fetch nothing yet.

        Args:
            settings: Limits and the place of the cache.
            on_bytes: Receives the progress.
            on_line: Receives warnings.

        Raises:
            ConfigError: A host in the settings is none.
        """
        self._settings = settings
        self._policy = HostPolicy.of(settings.allowed_hosts)
        self._cache = Cache(settings.cache)
        self._on_bytes, self._on_line = on_bytes, on_line

    def fetch(self, text: str) -> Fetched:
        """Return the model at a URI; it is fetched unless it is in the cache as it is there.

        Where the host can't be reached and the model is in the cache, that is returned, with a
        warning. A cache that can't be written is used as it is, if the model is whole in it.

        Raises:
            SourceError: It is not there, not allowed, too large or damaged.
            MissingExtraError: A package for this scheme is not installed.
        """
        uri = SourceUri.parse(text)
        try:
            with self._cache.lock(uri.key, lambda: self._on_line(f"another process fetches {uri}")):
                known = self._cache.record_of(uri.key)
                if known is not None and is_pinned(uri) and (here := self._here(known)):
                    return here
                return self._look_up(uri, known)
        except OSError as error:
            if error.errno in _READ_ONLY and (baked := self._baked(uri)) is not None:
                return baked
            raise SourceError(
                f"{uri}: the cache can't be used: {error.filename or self._settings.cache}: "
                f"{error.strerror or error}; the model is not whole there; set GRPS_CACHE to a "
                "folder that can be written"
            ) from error

    def _baked(self, uri: SourceUri) -> Fetched | None:
        """Return a model of a cache that can't be written; ``None`` if it is not whole there."""
        try:
            known = self._cache.record_of(uri.key)
            path = self._cache.whole_path(known) if known is not None else None
        except OSError:
            return None
        if known is None or path is None:
            return None
        if not is_pinned(uri):
            age = time.strftime("%Y-%m-%d %H:%M", time.localtime(known.checked_at))
            self._on_line(f"the cache can't be written; its copy of {uri} of {age} is used")
        return Fetched(path, known.digest, self._cache.lease_to_read(known.digest), 0)

    def _look_up(self, uri: SourceUri, known: SourceRecord | None) -> Fetched:
        web = Web(self._policy, plain=uri.sha256 is not None)
        try:
            for left in reversed(range(_CHANGES)):
                try:
                    return self._fetch(uri, known, self._find(uri, web))
                except SourceChangedError:
                    if not left:
                        raise
        except SourceUnavailableError as error:
            here = self._here(known) if known is not None else None
            if here is None or known is None:
                raise
            age = time.strftime("%Y-%m-%d %H:%M", time.localtime(known.checked_at))
            self._on_line(f"warning: {error}; the copy of {age} in the cache is used")
            return here
        finally:
            web.close()
        raise AssertionError

    def _find(self, uri: SourceUri, web: Web) -> RemoteModel:
        """Look up what is at a URI; a host that does not answer is asked again."""
        for pause_s in (*_PAUSES_S, None):
            try:
                return FINDERS[uri.scheme](uri, web, self._policy)
            except SourceUnavailableError:
                if pause_s is None:
                    raise
                time.sleep(pause_s)
        raise AssertionError

    def _fetch(self, uri: SourceUri, known: SourceRecord | None, found: RemoteModel) -> Fetched:
        found = _with_digest(uri, found)
        if known is not None and known.identity and known.identity == found.identity:
            here = self._here(known)
            if here is not None:
                self._note(uri, found, here.digest, known.files)
                return here
        self._check_size(uri, found)
        if found.size is not None:
            self._cache.evict(max(self._settings.max_cache_bytes - found.size, 0))
        with self._cache.fetching():
            fetched = self._bring(uri, known, found)
        self._cache.evict(self._settings.max_cache_bytes)
        return fetched

    def _bring(self, uri: SourceUri, known: SourceRecord | None, found: RemoteModel) -> Fetched:
        """Fetch what is not here, and put it into the cache as a whole."""
        partial = self._cache.partial(uri.key, found.identity)
        progress = _Progress(f"fetching {found.name}", found.size, self._on_bytes)
        fetched, files, total = 0, [], 0
        for file in found.files:
            place = found.name if not found.is_folder else f"{found.name}/{file.path}"
            target = partial / place
            sha256 = sha256_if_whole(file, target) or self._reuse(known, file, target)
            if sha256 is None:
                terms = Terms(
                    max_bytes=self._settings.max_bytes - total,
                    limit=f"sources.max_bytes ({self._settings.max_bytes}) allows",
                    on_bytes=progress.of_file,
                )
                brought = download(file, target, terms)
                fetched, sha256 = fetched + brought.fetched_bytes, brought.sha256
            size = target.stat().st_size
            files.append(CachedFile(path=file.path, size=size, sha256=sha256, marker=file.marker))
            total += size
            progress.add(size)
        _remove_others(partial, found)
        digest, path, lease = self._cache.publish(partial, found.name, tuple(files), str(uri))
        self._note(uri, found, digest, tuple(files))
        return Fetched(path, digest, lease, fetched)

    def _reuse(self, known: SourceRecord | None, file: RemoteFile, target: Path) -> str | None:
        """Take a file that has not changed since from the model that is here.

        Returns:
            Its SHA-256; ``None`` if it has changed, or is not here.
        """
        before = {one.path: one for one in known.files} if known is not None else {}
        one = before.get(file.path)
        if known is None or one is None or file.marker is None or one.marker != file.marker:
            return None
        here = self._cache.lease(known.digest)
        if here is None:
            return None
        path, lease = here
        try:
            source = path / file.path if path.is_dir() else path
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):
                target.unlink()
            try:
                os.link(source, target)
            except OSError:
                shutil.copyfile(source, target)
            return sha256_if_whole(file, target)
        finally:
            lease.release()

    def _check_size(self, uri: SourceUri, found: RemoteModel) -> None:
        size, most = found.size, self._settings.max_bytes
        if size is None:
            return
        if size > most:
            raise SourceError(
                f"{uri}: has {size} bytes, more than sources.max_bytes ({most}) allows"
            )
        self._settings.cache.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._settings.cache).free
        if size + _SPARE_BYTES > free:
            raise SourceError(
                f"{uri}: has {size} bytes, and the disk of the cache {self._settings.cache} has "
                f"{free} left; free some (grpst cache prune), or set GRPS_CACHE to another disk"
            )

    def _here(self, known: SourceRecord) -> Fetched | None:
        leased = self._cache.lease(known.digest)
        return None if leased is None else Fetched(leased[0], known.digest, leased[1], 0)

    def _note(
        self, uri: SourceUri, found: RemoteModel, digest: str, files: tuple[CachedFile, ...]
    ) -> None:
        record = SourceRecord(
            uri=str(uri),
            identity=found.identity,
            digest=digest,
            files=files,
            checked_at=time.time(),
        )
        self._cache.note(uri.key, record)


def _with_digest(uri: SourceUri, found: RemoteModel) -> RemoteModel:
    """Let a model have the digest that its URI says, besides those of its host."""
    if uri.sha256 is None:
        return found
    if found.is_folder:
        raise SourceError(f"{uri}: #sha256= is for one file, and this is a folder")
    (file,) = found.files
    digests = (*file.digests, Digest("sha256", uri.sha256))
    return replace(found, files=(replace(file, digests=digests),))


class _Progress:
    """Adds up the bytes of a model's files."""

    def __init__(self, what: str, total: int | None, on_bytes: OnBytes) -> None:
        self._what, self._total, self._on_bytes = what, total, on_bytes
        self._done = 0

    def of_file(self, count: int) -> None:
        """Report the bytes of the file that is being fetched."""
        done = self._done + count
        self._on_bytes(self._what, done, max(self._total or 0, done))

    def add(self, size: int) -> None:
        """Note that a file is whole."""
        self._done += size
        self.of_file(0)


def _remove_others(partial: Path, found: RemoteModel) -> None:
    """Remove what an earlier attempt has left and the model has not."""
    inside = {f"{found.name}/{file.path}" for file in found.files}
    wanted = inside if found.is_folder else {found.name}
    for path in [one for one in partial.rglob("*") if not one.is_dir()]:
        if str(path.relative_to(partial)) not in wanted:
            path.unlink()
