"""``hf://ORG/REPO[@REVISION]/FILE``: a file or all files of a repository of Hugging Face's hub."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from grps.errors import SourceError
from grps.sources.network.hosts import HostPolicy
from grps.sources.network.web import Web
from grps.sources.network.web_files import WebFile
from grps.sources.remote import Digest, RemoteFile, RemoteModel, checked_files, checked_path
from grps.sources.uri import SourceUri, last_name

ENDPOINT = "https://huggingface.co"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_SAFETENSORS = re.compile(r"model(-[0-9]+-of-[0-9]+)?\.safetensors")
_SAME_WEIGHTS = re.compile(
    r"(pytorch_model(-[0-9]+-of-[0-9]+)?\.bin(\.index\.json)?|tf_model\.h5|flax_model\.msgpack"
    r"|rust_model\.ot|consolidated\..*)"
)
"""The weights of ``model.safetensors`` once more."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a URI names."""

    repository: str
    revision: str
    path: str
    """A file or a folder; the whole repository when empty."""


def place_of(uri: SourceUri) -> Place:
    """Read the parts of a URI.

    Raises:
        SourceError: It is not ORG/REPO.
    """
    words = uri.rest.split("/", 2)
    name, _, revision = (words[1] if len(words) > 1 else "").partition("@")
    if not _NAME.fullmatch(words[0]) or not _NAME.fullmatch(name) or "?" in uri.rest:
        raise SourceError(f"{uri}: write hf://ORG/REPO/FILE or hf://ORG/REPO@REVISION/FILE")
    path = words[2].rstrip("/") if len(words) > 2 else ""
    return Place(f"{words[0]}/{name}", revision or "main", path)


def is_pinned(uri: SourceUri) -> bool:
    """Return whether a URI names a commit."""
    return _COMMIT.fullmatch(place_of(uri).revision) is not None


def find(uri: SourceUri, web: Web, policy: HostPolicy) -> RemoteModel:
    """Look up what is at a URI."""
    place, endpoint = place_of(uri), _endpoint()
    revision = quote(place.revision, safe="")
    web.allow_plain(endpoint)
    answer = web.json(
        f"{endpoint}/api/models/{place.repository}/revision/{revision}?blobs=true", _headers()
    )
    commit, entries = _described(uri, answer)
    chosen = _chosen(entries, place.path)
    if not chosen:
        raise SourceError(f"{uri}: the repository has no file or folder {place.path!r}")
    base = f"{endpoint}/{place.repository}/resolve/{commit}"
    is_file = place.path in entries
    files = [_file(web, base, name, entries[name], place.path) for name in chosen]
    if is_file:
        return RemoteModel(last_name(place.path, "model"), tuple(files), is_folder=False)
    name = last_name(place.path or place.repository, "model")
    return RemoteModel(name, checked_files(files, str(uri)), is_folder=True)


def _described(uri: SourceUri, answer: Any) -> tuple[str, dict[str, dict[str, Any]]]:
    try:
        commit = str(answer["sha"])
        entries = {checked_path(one["rfilename"], str(uri)): one for one in answer["siblings"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"{uri}: the hub's answer has no list of files") from error
    if not _COMMIT.fullmatch(commit):
        raise SourceError(f"{uri}: the hub does not say which commit it is")
    return commit, entries


def _chosen(entries: dict[str, dict[str, Any]], path: str) -> list[str]:
    """Return the files that are fetched: without the ones that no engine reads."""
    if path in entries:
        return [path]
    found = [name for name in entries if not path or name.startswith(f"{path}/")]
    inside = {name: name[len(path) + 1 if path else 0 :] for name in found}
    has_weights = any(_SAFETENSORS.fullmatch(name) for name in inside.values())
    return [
        name
        for name in found
        if not inside[name].startswith(".")
        and not (has_weights and _SAME_WEIGHTS.fullmatch(inside[name]))
    ]


def _file(web: Web, base: str, name: str, entry: dict[str, Any], folder: str) -> RemoteFile:
    lfs = entry.get("lfs") or {}
    sha256, blob = lfs.get("sha256") or lfs.get("oid"), entry.get("blobId")
    digests = [Digest("sha256", str(sha256))] if sha256 else []
    if blob and not sha256:
        digests = [Digest("git", str(blob))]
    is_file = name == folder
    inside = last_name(name, "model") if is_file else name[len(folder) + 1 if folder else 0 :]
    file = WebFile(web=web, url=f"{base}/{quote(name)}", headers=_headers, never_changes=True)
    size = lfs.get("size", entry.get("size"))
    return RemoteFile(
        path=inside,
        size=int(size) if isinstance(size, int) else None,
        marker=str(sha256 or blob or f"{base}/{name}"),
        open=file.open,
        digests=tuple(digests),
    )


def _endpoint() -> str:
    return (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")


def _headers() -> dict[str, str]:
    token = os.environ.get("HF_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token else {}
