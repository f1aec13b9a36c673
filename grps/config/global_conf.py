"""The configuration of the project in the current folder as plain data, as upstream offers it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from grps.config.document import plain_value, read_text

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
            self.server_conf = _read(SERVER_FILE)
            self.inference_conf = _read(INFERENCE_FILE)


def _read(file: Path) -> Any:
    return plain_value(read_text(file), str(file), numbers_stay_text=True)


global_conf = Config()
