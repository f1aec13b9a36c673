"""The table of schemes. To add one, add its module here, and its name to ``SCHEMES`` in ``uri``."""

from __future__ import annotations

from collections.abc import Callable

from grps.sources.network.hosts import HostPolicy
from grps.sources.network.web import Web
from grps.sources.remote import RemoteModel
from grps.sources.schemes import hub, mlflow, objects, oci, web_file
from grps.sources.uri import SourceUri

Find = Callable[[SourceUri, Web, HostPolicy], RemoteModel]
"""Looks up what is at a URI."""

FINDERS: dict[str, Find] = {
    "s3": objects.find,
    "gs": objects.find,
    "az": objects.find,
    "https": web_file.find,
    "http": web_file.find,
    "hf": hub.find,
    "oci": oci.find,
    "mlflow": mlflow.find,
}


def is_pinned(uri: SourceUri) -> bool:
    """Return whether what is at a URI can't change: it names the content itself."""
    if uri.sha256 is not None:
        return True
    asked = {"hf": hub.is_pinned, "oci": oci.is_pinned}.get(uri.scheme)
    return asked is not None and asked(uri)
