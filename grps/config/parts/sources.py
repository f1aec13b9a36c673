"""Where models come from: ``sources`` of ``server.yml``, ``repository`` of ``inference.yml``."""

from __future__ import annotations

from typing import Annotated

import msgspec

from grps.config.parts.section import Positive, Section


class SourcesConfig(Section, frozen=True, kw_only=True):
    """Models that are given by URIs."""

    allowed_hosts: tuple[str, ...] = ()
    """Hosts and buckets that models may come from; those that the URIs name when empty."""
    max_bytes: Positive = 256 * 1024**3
    """Most bytes of a model."""
    max_cache_bytes: Positive = 256 * 1024**3
    """Most bytes that the cache keeps; models that services use stay beyond it."""


class RepositoryConfig(Section, frozen=True, kw_only=True):
    """A folder of models in Triton's layout, which the entries of ``models`` are kept like."""

    path: str
    """The folder, relative to the project's folder."""
    poll_seconds: Annotated[int, msgspec.Meta(ge=0, le=86_400)] = 0
    """How often it is read while the service runs; only at the start when 0."""
