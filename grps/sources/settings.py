"""Limits of sources: from ``server.yml``, and from the environment, which comes first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grps.config.parts.sources import SourcesConfig
from grps.errors import ConfigError

CACHE_VARIABLE = "GRPS_CACHE"
HOSTS_VARIABLE = "GRPS_SOURCES_ALLOWED_HOSTS"
MAX_BYTES_VARIABLE = "GRPS_SOURCES_MAX_BYTES"
MAX_CACHE_VARIABLE = "GRPS_CACHE_MAX_BYTES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How models are fetched."""

    cache: Path
    """The folder of the cache."""
    allowed_hosts: tuple[str, ...] = ()
    """Hosts and buckets that models may come from; those that the URI names when empty."""
    max_bytes: int = SourcesConfig().max_bytes
    """Most bytes of a model."""
    max_cache_bytes: int = SourcesConfig().max_cache_bytes
    """Most bytes that the cache keeps; models that services use stay beyond it."""

    @classmethod
    def of(
        cls, config: SourcesConfig | None = None, environment: Mapping[str, str] = os.environ
    ) -> Settings:
        """Return the settings of a configuration under an environment.

        Raises:
            ConfigError: A variable of the environment is wrong.
        """
        config = config or SourcesConfig()
        hosts = environment.get(HOSTS_VARIABLE)
        names = tuple(part.strip() for part in (hosts or "").split(",") if part.strip())
        return cls(
            cache=cache_folder(environment),
            allowed_hosts=names or config.allowed_hosts,
            max_bytes=_number(environment, MAX_BYTES_VARIABLE, config.max_bytes),
            max_cache_bytes=_number(environment, MAX_CACHE_VARIABLE, config.max_cache_bytes),
        )


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the cache: ``GRPS_CACHE``, or ``grps/models`` in the user's cache.

    Raises:
        ConfigError: The user has no home folder.
    """
    given = environment.get(CACHE_VARIABLE)
    base = environment.get("XDG_CACHE_HOME")
    try:
        if given:
            return Path(given).expanduser().absolute()
        return (Path(base) if base else Path.home() / ".cache") / "grps" / "models"
    except RuntimeError as error:
        raise ConfigError(
            f"no folder for the cache of models is known: {error}; set {CACHE_VARIABLE}"
        ) from error


def _number(environment: Mapping[str, str], name: str, otherwise: int) -> int:
    text = environment.get(name)
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ConfigError(f"{name} is {text!r}; give a number of bytes, 1 or more")
    return int(text)
