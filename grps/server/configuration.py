"""Reading of ``inference.yml`` and ``server.yml`` with the names of this build's engines.

The names are imported when a file is read: commands that read none start faster.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from grps.config import loader
from grps.config.schema import InferenceConfig, ServerConfig

if TYPE_CHECKING:
    from grps.config.names import KnownNames


def load_inference(path: Path) -> InferenceConfig:
    """Read ``inference.yml``; see ``grps.config.loader.load_inference``."""
    return loader.load_inference(path, _names())


def load_server(path: Path) -> ServerConfig:
    """Read ``server.yml``; see ``grps.config.loader.load_server``."""
    return loader.load_server(path, _names())


def parse_inference(text: str, file: str) -> InferenceConfig:
    """Read the text of an ``inference.yml`` that errors call ``file``."""
    return loader.parse_inference(text, file, _names())


def parse_server(text: str, file: str) -> ServerConfig:
    """Read the text of a ``server.yml`` that errors call ``file``."""
    return loader.parse_server(text, file, _names())


def _names() -> KnownNames:
    from grps.converters.names import NAMES

    return NAMES
