"""The configuration of the project in the current folder as plain data, as upstream offers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

INFERENCE_FILE = Path("conf", "inference.yml")
SERVER_FILE = Path("conf", "server.yml")


class Config:
    """The two files as dicts, read when this object is made; ``None`` outside of a project.

    Attributes:
        server_conf: ``conf/server.yml``.
        inference_conf: ``conf/inference.yml``.
        loaded: Whether both files were found.
    """

    def __init__(self) -> None:
        """Read ``./conf/*.yml`` if both are there."""
        self.server_conf: dict[str, Any] | None = None
        self.inference_conf: dict[str, Any] | None = None
        self.loaded = INFERENCE_FILE.is_file() and SERVER_FILE.is_file()
        if self.loaded:
            self.server_conf = yaml.safe_load(SERVER_FILE.read_text(encoding="utf-8"))
            self.inference_conf = yaml.safe_load(INFERENCE_FILE.read_text(encoding="utf-8"))


global_conf = Config()
