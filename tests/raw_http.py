"""HTTP/1.1 byte by byte, for what ordinary clients never send."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support import GUARD_S

PREDICT = "/grps/v1/infer/predict"


def head(headers: Mapping[str, object], path: str = PREDICT, method: str = "POST") -> bytes:
    """A request's head; JSON unless the headers say something else."""
    fields = {"Host": "127.0.0.1", "Content-Type": "application/json", **headers}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def request(body: bytes, headers: Mapping[str, object] | None = None, path: str = PREDICT) -> bytes:
    """A whole request."""
    return head({"Content-Length": len(body), **(headers or {})}, path) + body


def chunked(pieces: Iterable[bytes]) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Connection:
    """A TCP connection to a server."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=GUARD_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.socket.sendall(data)

    def head(self) -> Answer:
        """Read the head of the next response."""
        line = self._reader.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        return Answer(int(line.split()[1]), http.client.parse_headers(self._reader), b"")

    def answer(self) -> Answer:
        """Read the next response."""
        head = self.head()
        if head.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(self.chunks())
        else:
            body = self._reader.read(int(head.headers.get("Content-Length", 0)))
        return Answer(head.status, head.headers, body)

    def chunks(self) -> Iterator[bytes]:
        """Read the chunks of a response's body as they come."""
        while size := int(self._reader.readline(), 16):
            yield self._reader.read(size)
            assert self._reader.readline() == b"\r\n"
        assert self._reader.readline() == b"\r\n"

    def is_ended(self) -> bool:
        """Wait for the end of the connection; false when bytes come instead."""
        try:
            return self._reader.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self) -> None:
        """Leave."""
        self._reader.close()
        self.socket.close()


@contextmanager
def connect(port: int) -> Iterator[Connection]:
    """A connection that is closed when the block ends."""
    connection = Connection(port)
    try:
        yield connection
    finally:
        connection.close()
