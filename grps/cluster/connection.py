"""What the tool says to the director of a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import msgspec

from grps.cluster.archives import chunks_of, digest_of
from grps.cluster.commands import Chunk, HasArchive, Request
from grps.errors import DeployError


class Connection(Protocol):
    """A way to the director."""

    def send(self, request: bytes, chunk: bytes = b"") -> bytes:
        """Send a request and return the reply.

        Raises:
            DeployError: The director can't be reached.
        """

    def close(self) -> None:
        """End the connection."""


def ask(connection: Connection, request: Request, chunk: bytes = b"") -> dict[str, Any]:
    """Ask the director for something.

    Raises:
        DeployError: It refuses; the text says why.
    """
    reply = msgspec.json.decode(connection.send(msgspec.json.encode(request), chunk))
    if "error" in reply:
        raise DeployError(reply["error"])
    return dict(reply)


def send_archive(connection: Connection, archive: Path) -> str:
    """Give the director an archive, unless it has it; return its SHA-256."""
    digest = digest_of(archive)
    if not ask(connection, HasArchive(digest=digest))["there"]:
        for offset, chunk, last in chunks_of(archive):
            ask(connection, Chunk(digest=digest, offset=offset, last=last), chunk)
    return digest
