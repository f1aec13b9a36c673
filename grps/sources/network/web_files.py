"""Files that are read over HTTP, from any offset on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from grps.errors import SourceError, SourceUnavailableError
from grps.sources.network.web import Web, check_status, shown_url
from grps.sources.remote import Opened, SourceChangedError

_RANGE = re.compile(r"bytes ([0-9]+)-[0-9]+/(?:[0-9]+|\*)")
_RANGE_NOT_SATISFIABLE = 416


@dataclass(frozen=True, slots=True, kw_only=True)
class WebFile:
    """Where a file is, and how its bytes are asked for."""

    web: Web
    url: str
    headers: Callable[[], Mapping[str, str]] = dict
    """Returns headers with credentials."""
    validator: str | None = None
    """The ETag or the date that tells whether it is still the same file."""
    never_changes: bool = False
    """Whether the URL stands for the content itself."""

    @contextmanager
    def open(self, offset: int) -> Iterator[Opened]:
        """Open the file at an offset; see ``RemoteFile.open``."""
        asked = offset if self.never_changes or self.validator else 0
        with self.web.ask("GET", self.url, {**self.headers(), **self._range(asked)}) as response:
            if response.status_code == _RANGE_NOT_SATISFIABLE and asked:
                response.close()
                with self.open(0) as opened:
                    yield opened
                return
            check_status(response, self.url)
            coding = response.headers.get("Content-Encoding", "identity")
            if coding.lower() != "identity":
                raise SourceError(
                    f"{shown_url(self.url)}: the host sends it in the coding {coding!r}; give a "
                    "URL of the file as it is"
                )
            yield Opened(self._start(response, asked), self._chunks(response))

    def _range(self, offset: int) -> dict[str, str]:
        if not offset:
            return {}
        condition = {} if self.never_changes else {"If-Range": self.validator or ""}
        return {"Range": f"bytes={offset}-", **condition}

    def _start(self, response: httpx.Response, asked: int) -> int:
        if response.status_code == 206:
            found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != asked:
                raise SourceUnavailableError(
                    f"{shown_url(self.url)}: another part than the one asked for was sent"
                )
            return asked
        etag = validator_of(response)
        if self.validator and etag and etag != self.validator and not self.never_changes:
            raise SourceChangedError(f"{shown_url(self.url)}: changed while it was fetched")
        return 0

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        try:
            yield from response.iter_raw()
        except httpx.HTTPError as error:
            cause = str(error) or type(error).__name__
            raise SourceUnavailableError(f"{shown_url(self.url)}: {cause}") from error


def validator_of(response: httpx.Response) -> str | None:
    """Return what tells whether parts are of the same file: a strong ETag, else a date."""
    etag: str | None = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    date: str | None = response.headers.get("Last-Modified")
    return date
