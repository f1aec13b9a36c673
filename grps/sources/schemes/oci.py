"""``oci://REGISTRY/REPOSITORY:TAG``: an artifact in a registry, of ModelPack or of plain files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from grps.errors import SourceError
from grps.sources.network.hosts import HostPolicy, is_loopback
from grps.sources.network.web import Web
from grps.sources.network.web_files import WebFile
from grps.sources.remote import Digest, RemoteFile, RemoteModel, checked_files, checked_path
from grps.sources.schemes.registry import Registry
from grps.sources.uri import SourceUri, last_name

MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
PATH_NOTES = ("org.cncf.model.filepath", "org.opencontainers.image.title")
"""The annotations of a layer with the path of its file: ModelPack's and that of plain files."""
UNPACK_NOTE = "io.deis.oras.content.unpack"
_EMPTY = "application/vnd.oci.empty.v1+json"
_REFERENCE = re.compile(
    r"(?P<registry>[A-Za-z0-9.-]+(?::[0-9]{1,5})?|\[[0-9a-f:]+\](?::[0-9]{1,5})?)/"
    r"(?P<repository>[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(?:@sha256:(?P<digest>[0-9a-f]{64}))?"
)
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_ARCHIVE = re.compile(r".*\.tar(?:\+?[a-z0-9]+)?|.*[.+](?:tar|gzip|zstd)|.*\.tar\.[a-z]+")
_ASIDE = re.compile(r"application/vnd\.cncf\.model\.(?:doc|code|dataset)\.v1\..*")
"""Parts of a ModelPack that no model is loaded from."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a URI names."""

    registry: str
    repository: str
    tag: str
    digest: str | None

    @property
    def base(self) -> str:
        """The URL of the repository in the registry's API."""
        host = "registry-1.docker.io" if self.registry == "docker.io" else self.registry
        plain = is_loopback(host.rsplit(":", 1)[0] if host.count(":") == 1 else host)
        return f"{'http' if plain else 'https'}://{host}/v2/{self.repository}"


def reference_of(uri: SourceUri) -> Reference:
    """Read the parts of a URI.

    Raises:
        SourceError: It names no registry and repository.
    """
    found = _REFERENCE.fullmatch(uri.rest)
    if found is None:
        raise SourceError(f"{uri}: write oci://REGISTRY/REPOSITORY:TAG or ...@sha256:DIGEST")
    return Reference(
        found["registry"], found["repository"], found["tag"] or "latest", found["digest"]
    )


def is_pinned(uri: SourceUri) -> bool:
    """Return whether a URI names a digest."""
    return reference_of(uri).digest is not None


def find(uri: SourceUri, web: Web, policy: HostPolicy) -> RemoteModel:
    """Look up what is at a URI."""
    reference = reference_of(uri)
    registry = Registry(web, reference.base, reference.registry, reference.repository)
    wanted = f"sha256:{reference.digest}" if reference.digest else reference.tag
    manifest = _manifest(uri, registry, wanted)
    if "manifests" in manifest:
        manifest = _manifest(uri, registry, _only_manifest(uri, manifest))
    files = [
        _file(uri, web, registry, layer)
        for layer in manifest.get("layers") or ()
        if isinstance(layer, dict) and not _is_aside(layer)
    ]
    name = last_name(reference.repository, "model")
    if len(files) == 1:
        (file,) = files
        return RemoteModel(last_name(file.path, name), (file,), is_folder=False)
    return RemoteModel(name, checked_files(files, str(uri)), is_folder=True)


def _manifest(uri: SourceUri, registry: Registry, wanted: str) -> dict[str, Any]:
    body = registry.read(f"/manifests/{wanted}", ", ".join(MANIFESTS))
    digest = _DIGEST.fullmatch(wanted)
    if digest is not None and hashlib.sha256(body).hexdigest() != digest[1]:
        raise SourceError(f"{uri}: the registry's manifest has another digest than {wanted}")
    try:
        manifest = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise SourceError(f"{uri}: the manifest is no JSON ({error})") from error
    if not isinstance(manifest, dict) or not {"layers", "manifests"} & manifest.keys():
        raise SourceError(f"{uri}: the manifest has neither layers nor manifests")
    return manifest


def _only_manifest(uri: SourceUri, index: dict[str, Any]) -> str:
    digests = [str(one.get("digest")) for one in index["manifests"] if isinstance(one, dict)]
    if len(digests) != 1 or not _DIGEST.fullmatch(digests[0]):
        raise SourceError(
            f"{uri}: an index of {len(digests)} artifacts; name one by its digest: @sha256:DIGEST"
        )
    return digests[0]


def _is_aside(layer: dict[str, Any]) -> bool:
    kind = str(layer.get("mediaType"))
    return kind == _EMPTY or (_ASIDE.fullmatch(kind) is not None and _is_archive(layer))


def _is_archive(layer: dict[str, Any]) -> bool:
    notes = layer.get("annotations") or {}
    kind = str(layer.get("mediaType"))
    return _ARCHIVE.fullmatch(kind) is not None or notes.get(UNPACK_NOTE) == "true"


def _file(uri: SourceUri, web: Web, registry: Registry, layer: dict[str, Any]) -> RemoteFile:
    notes, size = layer.get("annotations") or {}, layer.get("size")
    digest = _DIGEST.fullmatch(str(layer.get("digest")))
    path = next((str(notes[key]) for key in PATH_NOTES if notes.get(key)), None)
    if digest is None or not isinstance(size, int) or size < 0:
        raise SourceError(f"{uri}: a layer has no SHA-256 or no size")
    if _is_archive(layer):
        raise SourceError(
            f"{uri}: the layer {path or digest[0]} is an archive ({layer.get('mediaType')}), which "
            "is not unpacked; push the files as they are: oras push, or modctl build --raw"
        )
    name = checked_path(path or last_name(registry.repository, "model"), str(uri))
    file = WebFile(
        web=web,
        url=f"{registry.base}/blobs/{digest[0]}",
        headers=registry.headers,
        never_changes=True,
    )
    digests = (Digest("sha256", digest[1]),)
    return RemoteFile(path=name, size=size, marker=digest[0], open=file.open, digests=digests)
