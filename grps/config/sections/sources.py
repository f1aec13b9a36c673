"""Where models come from: ``sources`` of ``server.yml``, ``repository`` of ``inference.yml``."""

from __future__ import annotations

from typing import Annotated

import msgspec

Bytes = Annotated[int, msgspec.Meta(ge=1)]


class SourcesConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Models that are given by URIs."""

    allowed_hosts: tuple[str, ...] = ()
    """Hosts and buckets that models may come from; those that the URIs name when empty."""
    max_bytes: Bytes = 256 * 1024**3
    """Most bytes of a model."""
    max_cache_bytes: Bytes = 256 * 1024**3
    """Most bytes that the cache keeps; models that services use stay beyond it."""


class RepositoryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder of models in Triton's layout, which the entries of ``models`` are kept like."""

    path: str
    """The folder, relative to the project's folder."""
    poll_seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 0
    """How often it is read while the service runs; only at the start when 0."""
