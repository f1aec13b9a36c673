"""A connection of the tool to a service of this machine."""

from __future__ import annotations

import http.client
import os
import socket
from pathlib import Path

from grps.server.state import ServiceState


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout_s: float | None) -> None:
        """Prepare to connect to the socket at ``path``."""
        super().__init__("localhost", timeout=timeout_s)
        self._path = Path(path)

    def connect(self) -> None:
        """Connect; the path may be longer than the address of a socket."""
        folder = os.open(self._path.parent, os.O_PATH)
        try:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(self.timeout)
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


def connect(state: ServiceState, timeout_s: float | None) -> http.client.HTTPConnection:
    """Return a connection to a service that listens, not opened yet.

    It is the service's own socket where its ports take TLS or the PROXY protocol.

    Args:
        state: What the service says of itself.
        timeout_s: Longest wait for anything; ``None`` for no limit.
    """
    if state.unix_socket:
        return UnixConnection(state.unix_socket, timeout_s)
    return http.client.HTTPConnection(state.host, state.ports[0], timeout=timeout_s)
