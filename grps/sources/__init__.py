"""Models that are named by URIs: where they are found, how they are fetched, and their cache."""

from __future__ import annotations

from grps.sources.cache.store import Cache, CachedModel
from grps.sources.fetching import Fetched, Sources
from grps.sources.settings import Settings
from grps.sources.uri import SourceUri, is_uri

__all__ = ["Cache", "CachedModel", "Fetched", "Settings", "SourceUri", "Sources", "is_uri"]
