"""Loading of ``inference.yml`` and ``server.yml``.

Whatever is wrong in a file is refused with file, line, key, what was given and what is allowed.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from grps.config.checks import check_inference, check_keys, check_server
from grps.config.document import Document, read_text
from grps.config.names import KnownNames
from grps.config.reader import Reader
from grps.config.schema import (
    DagConfig,
    InferenceConfig,
    KeyConfig,
    KeysFile,
    NodeConfig,
    ServerConfig,
)


def load_inference(path: Path, names: KnownNames) -> InferenceConfig:
    """Read ``inference.yml``; a single model without a ``dag`` becomes the default graph.

    Raises:
        ConfigError: The file can't be read or breaks a rule; the text says where and which.
    """
    return parse_inference(read_text(path), str(path), names)


def load_server(path: Path, names: KnownNames) -> ServerConfig:
    """Read ``server.yml``; an empty file means all defaults.

    Raises:
        ConfigError: The file can't be read or breaks a rule; the text says where and which.
    """
    return parse_server(read_text(path), str(path), names)


def parse_inference(text: str, file: str, names: KnownNames) -> InferenceConfig:
    """Read the text of an ``inference.yml`` that errors call ``file``."""
    reader = Reader(Document(text, file), InferenceConfig, names.choices)
    config = reader.read()
    check_inference(config, names, reader.error)
    if config.dag is None and len(config.models) == 1:
        node = NodeConfig(name="node-1", model=config.models[0].key)
        return msgspec.structs.replace(config, dag=DagConfig(nodes=(node,)))
    return config


def parse_server(text: str, file: str, names: KnownNames) -> ServerConfig:
    """Read the text of a ``server.yml`` that errors call ``file``."""
    reader = Reader(Document(text, file), ServerConfig, names.choices)
    config = reader.read()
    check_server(config, names, reader.error)
    return config


def load_keys(path: Path) -> tuple[KeyConfig, ...]:
    """Read a file with API keys.

    Raises:
        ConfigError: The file can't be read or breaks a rule; the text says where and which.
    """
    return parse_keys(read_text(path), str(path))


def parse_keys(text: str, file: str) -> tuple[KeyConfig, ...]:
    """Read the text of a file with API keys.

    Args:
        text: The YAML.
        file: What errors call it.

    Raises:
        ConfigError: The text breaks a rule; the error says where and which.
    """
    reader = Reader(Document(text, file), KeysFile, {})
    keys = reader.read().keys
    check_keys(keys, "keys", reader.error)
    return keys
