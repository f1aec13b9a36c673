"""``s3://``, ``gs://`` and ``az://``: an object, or all objects below a prefix."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from grps.config.secret_text import mask_text
from grps.errors import MissingExtraError, SourceError, SourceUnavailableError
from grps.sources.network.hosts import HostPolicy
from grps.sources.network.web import Web
from grps.sources.remote import (
    MAX_FILES,
    Opened,
    RemoteFile,
    RemoteModel,
    SourceChangedError,
    checked_files,
)
from grps.sources.uri import SourceUri, last_name

STORES = {"s3": "S3Store", "gs": "GCSStore", "az": "AzureStore"}
_ENDPOINTS = {
    "s3": ("endpoint", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("base_url", "GOOGLE_BASE_URL"),
    "az": ("endpoint", "AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""The setting of the store, and the variables that have its value."""
_CHUNK_BYTES = 1 << 20
_STATUS = re.compile(r"status code: (4[0-9]{2})")
"""What a general error has if the store has refused the request."""
_CLIENT = {"timeout": "7days", "connect_timeout": "15s", "read_timeout": "60s"}
"""A large object takes its time; a connection on which nothing comes does not."""
_RETRIES = {"max_retries": 2}


def find(uri: SourceUri, web: Web, policy: HostPolicy) -> RemoteModel:
    """Look up what is at a URI."""
    policy.check_bucket(uri.scheme, uri.host)
    if "?" in uri.rest:
        raise SourceError(f"{uri}: has a query, which {uri.scheme}:// does not have")
    store, key = _store(uri), unquote(uri.path)
    if key and not key.endswith("/"):
        found = _object(uri, store, key)
        if found is not None:
            return found
    return _prefix(uri, store, key)


def _store(uri: SourceUri) -> Any:
    """Return the store with a bucket; credentials are those of the environment.

    Raises:
        SourceError: The bucket or the environment is wrong.
        MissingExtraError: obstore is not installed.
    """
    try:
        from obstore import exceptions, store
    except ModuleNotFoundError as error:
        raise MissingExtraError("obstore", "sources") from error
    if not uri.host:
        raise SourceError(f"{uri}: names no bucket; write {uri.scheme}://BUCKET/PATH")
    options: dict[str, Any] = dict(_CLIENT)
    settings: dict[str, Any] = {}
    setting, *variables = _ENDPOINTS[uri.scheme]
    endpoint = next((os.environ[one] for one in variables if os.environ.get(one)), "")
    if endpoint:
        settings[setting] = endpoint
        # An operator who writes http:// means it.
        options["allow_http"] = endpoint.startswith("http://")
    make = getattr(store, STORES[uri.scheme])
    try:
        return make(uri.host, client_options=options, retry_config=_RETRIES, **settings)
    except (exceptions.BaseError, ValueError) as error:
        raise SourceError(f"{uri}: {_cause(error)}") from error


def _object(uri: SourceUri, store: Any, key: str) -> RemoteModel | None:
    import obstore

    try:
        facts = obstore.head(store, key)
    except FileNotFoundError:
        return None
    except Exception as error:
        raise _failure(uri, error) from error
    name = last_name(key, "model")
    file = _file(uri, store, facts, name)
    return RemoteModel(name, (file,), is_folder=False)


def _prefix(uri: SourceUri, store: Any, key: str) -> RemoteModel:
    import obstore

    prefix = f"{key.rstrip('/')}/" if key.strip("/") else ""
    files: list[RemoteFile] = []
    try:
        for facts in _listed(obstore.list(store, prefix=prefix or None)):
            inside = facts["path"][len(prefix) :]
            if inside and not inside.endswith("/"):
                files.append(_file(uri, store, facts, inside))
            if len(files) > MAX_FILES:
                raise SourceError(f"{uri}: has more than {MAX_FILES} files")
    except SourceError:
        raise
    except Exception as error:
        raise _failure(uri, error) from error
    if not files:
        raise SourceError(f"{uri}: there is no object, and none below it")
    return RemoteModel(last_name(key, uri.host), checked_files(files, str(uri)), is_folder=True)


def _listed(pages: Any) -> Iterator[Any]:
    for page in pages:
        yield from page


def _file(uri: SourceUri, store: Any, facts: Any, inside: str) -> RemoteFile:
    key, etag = facts["path"], facts.get("e_tag")
    marker = facts.get("version") or etag or str(facts.get("last_modified"))

    @contextmanager
    def read(offset: int) -> Iterator[Opened]:
        import obstore

        start = offset if etag else 0
        options: dict[str, Any] = {"if_match": etag} if etag else {}
        if start:
            options["range"] = {"offset": start}
        try:
            result = obstore.get(store, key, options=options)
        except Exception as error:
            raise _failure(uri, error) from error
        # Outside: what the caller raises, as on a full disk, is no failure of the store.
        yield Opened(start, _chunks(uri, result))

    return RemoteFile(path=inside, size=facts["size"], marker=marker, open=read)


def _chunks(uri: SourceUri, result: Any) -> Iterator[bytes]:
    try:
        for chunk in result.stream(min_chunk_size=_CHUNK_BYTES):
            yield bytes(chunk)
    except Exception as error:
        raise _failure(uri, error) from error


def _failure(uri: SourceUri, error: Exception) -> SourceError:
    """Say what is wrong; what may go away by itself is a ``SourceUnavailableError``."""
    from obstore import exceptions

    cause = f"{uri}: {_cause(error)}"
    if isinstance(error, exceptions.PreconditionError):
        return SourceChangedError(f"{uri}: changed while it was fetched")
    status = _STATUS.search(str(error))
    if isinstance(error, FileNotFoundError) or (status is not None and status[1] == "404"):
        return SourceError(f"{uri}: there is no such bucket or object")
    refused = (
        exceptions.PermissionDeniedError,
        exceptions.UnauthenticatedError,
        exceptions.InvalidPathError,
        exceptions.UnknownConfigurationKeyError,
    )
    if isinstance(error, refused):
        return SourceError(f"{cause}; see docs/guides/model-sources.md for credentials")
    if status is not None and status[1] not in ("408", "429"):
        return SourceError(cause)
    if isinstance(error, (exceptions.BaseError, OSError, ValueError)):
        return SourceUnavailableError(cause)
    raise error


def _cause(error: Exception) -> str:
    """Return the first line of an error of obstore, whose others repeat it with its own code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return mask_text((lines or [type(error).__name__])[0])[:400]
