"""bRPC's baidu_std frame by frame, written from its description alone."""

from __future__ import annotations

import gzip
import socket
import ssl
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.support import GUARD_S

SERVICE = "grps.protos.v1.GrpsBrpcService"
NONE, SNAPPY, GZIP, ZLIB = range(4)
LAST = -1
"""The chunk_id of the last part of a payload."""


def varint(value: int) -> bytes:
    """A number as protobuf writes it; negative ones take ten bytes."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def number(tag: int, value: int) -> bytes:
    """A field of an integer."""
    return varint(tag << 3) + varint(value)


def data(tag: int, value: bytes | str) -> bytes:
    """A field of bytes, text or a message."""
    value = value.encode() if isinstance(value, str) else value
    return varint(tag << 3 | 2) + varint(len(value)) + value


def read_varint(message: bytes, at: int) -> tuple[int, int]:
    """A number, and the place behind it."""
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(message: bytes) -> dict[int, int | bytes]:
    """The fields of a message of integers and bytes."""
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        value, at = read_varint(message, at)
        if tag & 7 == 0:
            found[tag >> 3] = value
            continue
        assert tag & 7 == 2, f"wire type {tag & 7}"
        found[tag >> 3] = message[at : at + value]
        at += value
    return found


def snappy(text: bytes) -> bytes:
    """A block of snappy that copies nothing."""
    parts = [varint(len(text))]
    for start in range(0, len(text), 60):
        part = text[start : start + 60]
        parts += [bytes([(len(part) - 1) << 2]), part]
    return b"".join(parts)


def unsnappy(block: bytes) -> bytes:
    """What a block of snappy contains."""
    size, at = read_varint(block, 0)
    out = bytearray()
    while at < len(block):
        tag = block[at]
        kind, at = tag & 3, at + 1
        if kind == 0:
            length = tag >> 2
            if length >= 60:
                extra = length - 59
                length = int.from_bytes(block[at : at + extra], "little")
                at += extra
            out += block[at : at + length + 1]
            at += length + 1
            continue
        if kind == 1:
            length, offset = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | block[at]
            at += 1
        else:
            width = 2 if kind == 2 else 4
            length, offset = (tag >> 2) + 1, int.from_bytes(block[at : at + width], "little")
            at += width
        for _ in range(length):
            out.append(out[-offset])
    assert len(out) == size
    return bytes(out)


Code = Callable[[bytes], bytes]
COMPRESS: dict[int, Code] = {NONE: bytes, SNAPPY: snappy, GZIP: gzip.compress, ZLIB: zlib.compress}
EXPAND: dict[int, Code] = {
    NONE: bytes,
    SNAPPY: unsnappy,
    GZIP: gzip.decompress,
    ZLIB: zlib.decompress,
}


def frame(meta: bytes, rest: bytes = b"") -> bytes:
    """A frame with a meta and what follows it."""
    return struct.pack(">4sII", b"PRPC", len(meta) + len(rest), len(meta)) + meta + rest


@dataclass(frozen=True, slots=True)
class Call:
    """A call; each field becomes one on the wire."""

    method: str = "Predict"
    message: GrpsMessage | bytes = b""
    id: int = 0
    service: str = SERVICE
    compression: int | None = None
    attachment: bytes = b""
    timeout_ms: int | None = None
    log_id: int | None = None
    request_id: str | None = None
    authentication: bytes | None = None
    chunk: tuple[int, int] | None = None
    user_fields: Mapping[str, str] = field(default_factory=dict)

    def request(self) -> bytes:
        """The part of the meta that says what is called."""
        request = data(1, self.service) + data(2, self.method)
        if self.log_id is not None:
            request += number(3, self.log_id)
        if self.request_id is not None:
            request += data(7, self.request_id)
        if self.timeout_ms is not None:
            request += number(8, self.timeout_ms)
        return request

    def payload(self) -> bytes:
        """The encoded message, compressed unless it is given as bytes."""
        if isinstance(self.message, bytes):
            return self.message
        return COMPRESS[self.compression or NONE](self.message.SerializeToString())

    def frame(self) -> bytes:
        """The call on the wire."""
        meta = data(1, self.request()) + number(4, self.id)
        if self.compression is not None:
            meta += number(3, self.compression)
        if self.attachment:
            meta += number(5, len(self.attachment))
        if self.chunk is not None:
            meta += data(6, number(1, self.chunk[0]) + number(2, self.chunk[1]))
        if self.authentication is not None:
            meta += data(7, self.authentication)
        for name, value in self.user_fields.items():
            meta += data(9, data(1, name) + data(2, value))
        return frame(meta, self.payload() + self.attachment)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    id: int
    code: int
    text: str
    compression: int
    payload: bytes

    @property
    def message(self) -> GrpsMessage:
        """The message of a call that did not fail as a whole."""
        assert self.code == 0, self.text
        return GrpsMessage.FromString(EXPAND[self.compression](self.payload))


class Connection:
    """A connection to a server."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=GUARD_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self._reader = self.socket.makefile("rb")

    def send(self, *calls: Call | bytes) -> None:
        """Send calls, or bytes as they are."""
        parts = [call if isinstance(call, bytes) else call.frame() for call in calls]
        self.socket.sendall(b"".join(parts))

    def receive(self) -> Answer:
        """Read the next response."""
        magic, body_bytes, meta_bytes = struct.unpack(">4sII", self._read(12))
        assert magic == b"PRPC"
        meta = fields(self._read(meta_bytes))
        payload = self._read(body_bytes - meta_bytes)
        assert isinstance(meta[2], bytes)
        response = fields(meta[2])
        text = response.get(2, b"")
        assert isinstance(text, bytes)
        assert 4 in meta, "the correlation id is there, also when it is 0"
        return Answer(int(meta[4]), int(response[1]), text.decode(), int(meta.get(3, 0)), payload)

    def call(self, call: Call | bytes) -> Answer:
        """Send a call and read its response."""
        self.send(call)
        return self.receive()

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

    def _read(self, count: int) -> bytes:
        read = self._reader.read(count)
        assert len(read) == count, "the connection ended"
        return read


@contextmanager
def connect(port: int, context: ssl.SSLContext | None = None) -> Iterator[Connection]:
    """A connection, over TLS with a context, that is closed when the block ends."""
    connection = Connection(port, context)
    try:
        yield connection
    finally:
        connection.close()
