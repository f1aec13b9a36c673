"""The actor of the director. Everything passes to it and from it as bytes."""

from __future__ import annotations

import logging
import os
import socket
import threading
from typing import Any

from grps.cluster.archives import ArchiveFolder, read_chunk
from grps.cluster.commands import Commands
from grps.cluster.director import Director
from grps.cluster.known import cluster_folder
from grps.cluster.ray.hosts import RayHosts
from grps.cluster.ray.store import KvStore

SHOWN = ("RAY_AUTH_MODE", "RAY_gcs_storage", "RAY_health_check_period_ms")


class DirectorActor:
    """The director; Ray starts it again when its host is lost."""

    def __init__(self) -> None:
        """Go on where the last one ended."""
        logging.basicConfig(level=logging.INFO)
        self._archives = ArchiveFolder(cluster_folder() / "archives")
        director = Director(RayHosts(), KvStore(), self._archives)
        about: dict[str, Any] = {
            "kind": "ray",
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "settings": {name: os.environ.get(name, "") for name in SHOWN},
        }
        self._commands = Commands(director, self._archives, about)
        threading.Thread(target=director.run, args=(threading.Event(),), daemon=True).start()

    def answer(self, request: bytes, chunk: bytes) -> bytes:
        """Return the reply to a request of the tool."""
        return self._commands.answer(request, chunk)

    def chunk(self, digest: str, offset: int) -> bytes:
        """Return the bytes of an archive from an offset on, as many as one chunk has."""
        return read_chunk(self._archives.path_of(digest), offset)
