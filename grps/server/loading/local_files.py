"""The files of models that are given by URIs: fetched before a model is loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from grps.backends.formats import model_in
from grps.backends.table import ENGINES
from grps.config.parts.sources import SourcesConfig
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from grps.log import logger
from grps.server.state import Phase
from grps.sources import Fetched, Settings, Sources, is_uri

KEYS = ("inferer_path", "converter_path")
"""What may be a URI."""
STEP_PERCENT = 5


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model all files of which are on this machine."""

    config: ModelConfig
    """Its configuration with paths in place of URIs."""
    fetched: tuple[Fetched, ...] = ()

    def release(self) -> None:
        """Let the cache remove the files, when the model is not used any more."""
        for one in self.fetched:
            one.lease.release()


def has_uris(config: ModelConfig) -> bool:
    """Return whether a model has files that are given by URIs."""
    return any(is_uri(getattr(config, key)) for key in KEYS)


def local_model(config: ModelConfig, sources: Sources) -> LocalModel:
    """Return a model with files that are here.

    Args:
        config: The model's configuration.
        sources: Fetches what is given by URIs.

    Raises:
        ModelError: Something can't be fetched.
        MissingExtraError: A package for this kind of source is not installed.
    """
    fetched: list[Fetched] = []
    places: dict[str, str] = {}
    for key in KEYS:
        text = getattr(config, key)
        if not is_uri(text):
            continue
        try:
            one = sources.fetch(text)
        except ModelError as error:
            raise type(error)(f"model {config.key}: {key}: {error}") from error
        fetched.append(one)
        is_model = key == "inferer_path" and config.inferer_type in ENGINES
        places[key] = str(model_in(one.path) if is_model else one.path)
    return LocalModel(msgspec.structs.replace(config, **places), tuple(fetched))


def fetch_reporting(
    config: ModelConfig, settings: SourcesConfig, report: Callable[[Phase, str], None]
) -> LocalModel:
    """Return a model with files that are here; ``report`` receives how far a fetch has come.

    Raises:
        GrpsError: As ``local_model``.
    """
    if not has_uris(config):
        return LocalModel(config)
    shown = -1

    def show(what: str, done: int, total: int) -> None:
        nonlocal shown
        percent = done * 100 // total // STEP_PERCENT * STEP_PERCENT if total else 0
        if percent != shown:
            shown = percent
            report("loading", f"model {config.key}: {what}: {percent} %")

    sources = Sources(Settings.of(settings), on_bytes=show, on_line=logger.warning)
    found = local_model(config, sources)
    for key in KEYS:
        if is_uri(text := getattr(config, key)):
            count = sum(one.fetched_bytes for one in found.fetched)
            path = Path(getattr(found.config, key))
            logger.info("model %s: %s is %s (%d bytes fetched)", config.key, text, path, count)
    return found
