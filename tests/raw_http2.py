"""HTTP/2 frame by frame, for what ordinary clients never send."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from tests.support import GUARD_S

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4


class Frame(NamedTuple):
    """One frame."""

    kind: int
    flags: int
    stream: int
    payload: bytes


def text(value: str) -> bytes:
    """A string of a header block, as it is."""
    encoded = value.encode()
    assert len(encoded) < 127
    return bytes([len(encoded)]) + encoded


def head(path: str, method: str = "POST", **fields: str) -> bytes:
    """The header block of a request; an underscore in a name stands for a dash."""
    headers = {":method": method, ":scheme": "http", ":path": path, ":authority": "localhost"}
    headers |= {name.replace("_", "-"): value for name, value in fields.items()}
    return block(headers)


def block(headers: Mapping[str, str]) -> bytes:
    """A header block of literals."""
    return b"".join(b"\0" + text(name) + text(value) for name, value in headers.items())


def encoded(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """The bytes of a frame."""
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


class Http2Connection:
    """An HTTP/2 connection to a server; it acknowledges SETTINGS and PING."""

    def __init__(self, port: int, settings: Mapping[int, int] | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=GUARD_S)
        self._reader = self.socket.makefile("rb")
        values = b"".join(struct.pack(">HI", *setting) for setting in (settings or {}).items())
        self.socket.sendall(PREFACE)
        self.send(SETTINGS, payload=values)

    def send(self, kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> None:
        """Send a frame."""
        self.socket.sendall(encoded(kind, flags, stream, payload))

    def request(self, stream: int, path: str, body: bytes, **fields: str) -> None:
        """Send a request with a body."""
        self.send(HEADERS, END_HEADERS, stream, head(path, **fields))
        self.send(DATA, END_STREAM, stream, body)

    def frames(self) -> Iterator[Frame]:
        """Read frames until the server closes the connection."""
        try:
            while len(start := self._reader.read(9)) == 9:
                length = int.from_bytes(start[:3], "big")
                kind, flags, stream = struct.unpack(">BBI", start[3:])
                frame = Frame(kind, flags, stream, self._reader.read(length))
                if kind in (SETTINGS, PING) and not flags & ACK:
                    self.send(kind, ACK, payload=frame.payload if kind == PING else b"")
                yield frame
        except (BrokenPipeError, ConnectionResetError):
            return

    def close(self) -> None:
        """Leave."""
        self._reader.close()
        self.socket.close()


@contextmanager
def connect(port: int, settings: Mapping[int, int] | None = None) -> Iterator[Http2Connection]:
    """A connection that is closed when the block ends."""
    connection = Http2Connection(port, settings)
    try:
        yield connection
    finally:
        connection.close()
