"""``https://``: one file."""

from __future__ import annotations

import httpx

from grps.errors import SourceError
from grps.sources.network.hosts import HostPolicy
from grps.sources.network.web import Web, check_status, netrc_header
from grps.sources.network.web_files import WebFile, validator_of
from grps.sources.remote import RemoteFile, RemoteModel
from grps.sources.uri import SourceUri, last_name

_NO_HEAD = (400, 403, 405, 501)
"""Answers of hosts that do not know ``HEAD``, or that sign addresses for ``GET`` alone."""


def find(uri: SourceUri, web: Web, policy: HostPolicy) -> RemoteModel:
    """Look up what is at an address."""
    if not uri.path or uri.path.endswith("/"):
        raise SourceError(f"{uri}: names a folder; https gives one file, so name that")
    headers = netrc_header(uri.text)
    size, validator, etag = _facts(uri.text, web, headers)
    name = last_name(uri.path, "model")
    file = WebFile(web=web, url=uri.text, headers=lambda: headers, validator=validator)
    found = RemoteFile(path=name, size=size, marker=etag or validator, open=file.open)
    return RemoteModel(name, (found,), is_folder=False)


def _facts(
    url: str, web: Web, headers: dict[str, str]
) -> tuple[int | None, str | None, str | None]:
    """Return the size of a file, what parts of it are checked by, and its ETag."""
    with web.ask("HEAD", url, headers) as response:
        if response.status_code not in _NO_HEAD:
            check_status(response, url)
            return _read(response)
    with web.ask("GET", url, headers) as response:
        check_status(response, url)
        return _read(response)


def _read(response: httpx.Response) -> tuple[int | None, str | None, str | None]:
    length = response.headers.get("Content-Length", "")
    coded = response.headers.get("Content-Encoding", "identity").lower() != "identity"
    size = int(length) if length.isascii() and length.isdigit() and not coded else None
    return size, validator_of(response), response.headers.get("ETag")
