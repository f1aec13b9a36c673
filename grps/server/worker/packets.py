"""Packets between the server and a worker process.

A packet is a header and a body; a large body is a file in memory that goes with the packet as a
descriptor. A body is the length of its description, the description in MessagePack, and the data at
the next multiple of 64, where blobs begin at multiples of 64 as well. The native side of the same
is the crate ``grps-worker``.
"""

from __future__ import annotations

import mmap
import os
import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import numpy as np

from grps.inference.channel import NamedArray

BATCH = 1
CANCEL = 2
STEP = 3
CANCEL_SEQUENCES = 4

REPLY = 1
OUTPUTS = 2
FAILURE = 3
CHUNK = 4
END_STREAM = 5
HTTP_REPLY = 6
SINGLES = 7
DONE = 8
STEPPED = 9
ROWS_FAILED = 10

TENSORS = 0
MESSAGE = 1
RAW = 2

HEADER = struct.Struct("<BB6xQ")
META_LENGTH = struct.Struct("<I")
MOST_INLINE = 32 * 1024
MOST_META = 1 << 30
"""Longest description; the server reads no longer one."""
ALIGNMENT = 64
NOWHERE = (0, 0)

Blob = tuple[int, int]
Meta = TypeVar("Meta", bound=msgspec.Struct)


class TensorMeta(msgspec.Struct, array_like=True, frozen=True):
    """A tensor without its elements."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    blob: Blob
    texts: list[Any] | None = None


class ExchangeMeta(msgspec.Struct, array_like=True, frozen=True):
    """A request of customized HTTP."""

    streaming: bool
    alone: bool
    method: str
    path: str
    query: str
    headers: list[tuple[str, bytes]]
    peer: tuple[str, int]
    body: Blob


class EntryMeta(msgspec.Struct, array_like=True, frozen=True):
    """One request."""

    id: str
    streaming: bool
    left_elsewhere: bool
    message: Blob | None
    exchange: ExchangeMeta | None
    traceparent: str | None
    tracestate: str | None
    rows: tuple[int, int] | None = None
    remaining_us: int | None = None


class BatchMeta(msgspec.Struct, array_like=True, frozen=True):
    """Requests to run at once."""

    number: int
    rows: int | None
    entries: list[EntryMeta]
    tensors: list[TensorMeta] | None


class CancelMeta(msgspec.Struct, array_like=True, frozen=True):
    """Requests of a batch whose clients have disconnected."""

    number: int
    entries: list[int]


class BegunMeta(msgspec.Struct, array_like=True, frozen=True):
    """A sequence that begins."""

    row: int
    sequence: int
    entry: EntryMeta
    inputs: list[TensorMeta]
    outputs: list[TensorMeta]


class StepMeta(msgspec.Struct, array_like=True, frozen=True):
    """What a step model does in one step; see ``grps._core.StepPlan``."""

    number: int
    ended: list[tuple[int | None, int, str]]
    saved: list[tuple[int, int]]
    dropped: list[int]
    moves: tuple[list[int], list[int]]
    begun: list[BegunMeta]
    restored: list[tuple[int, int]]
    prefill: list[tuple[int, int, int]]
    running: int


class SequencesMeta(msgspec.Struct, array_like=True, frozen=True):
    """Sequences by their numbers."""

    sequences: list[int]


@dataclass(frozen=True, slots=True)
class Received:
    """A packet that has come."""

    kind: int
    _meta: memoryview
    _data: memoryview
    _owned: bool

    def meta(self, kind: type[Meta]) -> Meta:
        """Return the description."""
        return msgspec.msgpack.decode(self._meta, type=kind)

    def own(self) -> Received:
        """Return the packet in memory of its own, which the next packet leaves alone."""
        if self._owned:
            return self
        return Received(self.kind, self._meta, memoryview(bytearray(self._data)), _owned=True)

    def blob(self, blob: Blob) -> bytes:
        """Return a copy of some bytes."""
        return bytes(self._view(blob))

    def array(self, tensor: TensorMeta) -> np.ndarray:
        """Return a tensor's elements as an array that may be written."""
        if tensor.dtype == "string":
            return np.array(tensor.texts or [], dtype=object).reshape(tensor.shape)
        view = self._view(tensor.blob)
        array = np.frombuffer(view, _dtype(tensor)).reshape(tensor.shape)
        # A mapped file is the array's own, written or not; the packet's buffer is used again.
        return array if self._owned else array.copy()

    def _view(self, blob: Blob) -> memoryview:
        offset, length = blob
        return self._data[offset : offset + length]


class Pipe:
    """A worker's end of the socket. One thread uses it at a time."""

    def __init__(self, connection: socket.socket) -> None:
        """Speak over ``connection``."""
        self._connection = connection
        self._buffer = bytearray(HEADER.size + MOST_INLINE)

    def receive(self, *, wait: bool = True) -> Received | None:
        """Return the next packet; ``None`` at the end, or at once when there is none to wait for.

        Raises:
            EOFError: The server has closed its end, and ``wait`` is false.
        """
        flags = 0 if wait else socket.MSG_DONTWAIT
        room = socket.CMSG_LEN(struct.calcsize("i"))
        try:
            length, control, _, _ = self._connection.recvmsg_into([self._buffer], room, flags)
        except BlockingIOError:
            return None
        except ConnectionError:
            length, control = 0, []
        if length == 0:
            if wait:
                return None
            raise EOFError
        kind, in_file, size = HEADER.unpack_from(self._buffer)
        if not in_file:
            return _take_apart(kind, memoryview(self._buffer)[HEADER.size : length], owned=False)
        (descriptor,) = struct.unpack("i", control[0][2])
        try:
            # Private: what is written stays in this process; pages that are not are shared.
            mapped = mmap.mmap(descriptor, size, mmap.MAP_PRIVATE)
        finally:
            os.close(descriptor)
        return _take_apart(kind, memoryview(mapped), owned=True)

    def send(self, kind: int, meta: Sequence[Any], blobs: Blobs) -> None:
        """Send a packet; does nothing once the server has exited.

        Raises:
            ValueError: It says too much, or text that can't be encoded. Nothing is sent then.
            TypeError: It says something that is neither text nor a number. Nothing is sent then.
        """
        description = msgspec.msgpack.encode(meta)
        if len(description) > MOST_META:
            raise ValueError(
                f"strings and descriptions of {len(description)} bytes are more than a worker "
                f"process passes on ({MOST_META}); use isolation: thread"
            )
        start = _aligned(META_LENGTH.size + len(description))
        size = start + blobs.length
        head = META_LENGTH.pack(len(description)) + description
        head += bytes(start - len(head))
        try:
            if size <= MOST_INLINE:
                parts = [HEADER.pack(kind, 0, size), head, *blobs.padded()]
                self._connection.sendmsg(parts)
            else:
                self._send_file(kind, size, head, blobs)
        except ConnectionError:
            return

    def _send_file(self, kind: int, size: int, head: bytes, blobs: Blobs) -> None:
        descriptor = os.memfd_create("grps", os.MFD_CLOEXEC)
        try:
            os.ftruncate(descriptor, size)
            _write(descriptor, memoryview(head), 0)
            at = len(head)
            for part in blobs.parts:
                _write(descriptor, part, at)
                at = _aligned(at + part.nbytes)
            packet = [HEADER.pack(kind, 1, size)]
            socket.send_fds(self._connection, packet, [descriptor])
        finally:
            os.close(descriptor)


class Blobs:
    """Bytes that a body holds besides its description."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.parts: list[memoryview] = []
        self.length = 0

    def add(self, data: bytes | memoryview) -> Blob:
        """Add bytes and return where they will lie."""
        view = memoryview(data)
        place = (self.length, view.nbytes)
        self.parts.append(view)
        self.length = _aligned(self.length + view.nbytes)
        return place

    def add_tensors(self, arrays: Sequence[NamedArray]) -> list[list[Any]]:
        """Add arrays and return their descriptions.

        Raises:
            ValueError: An array has a type that no tensor has, or is not C-contiguous.
        """
        return [self._add_tensor(name, array) for name, array in arrays]

    def _add_tensor(self, name: str, array: np.ndarray) -> list[Any]:
        if not isinstance(name, str):
            raise TypeError(f"the name of an output is text, not {type(name).__name__}")
        if not isinstance(array, np.ndarray):
            raise TypeError(f"output '{name}' is {type(array).__name__}, not a numpy array")
        if array.dtype.kind in "OUS":
            return [str(name), "string", array.shape, NOWHERE, _texts(name, array)]
        # The bytes are read in the machine's order.
        if array.dtype.name not in NUMBERS or not array.dtype.isnative:
            raise ValueError(f"output '{name}' has type {array.dtype}, which has no GRPS data type")
        if not array.flags.c_contiguous:
            raise ValueError(f"output '{name}' is not C-contiguous")
        flat = array.reshape(-1).view(np.uint8) if array.size else np.empty(0, np.uint8)
        return [str(name), array.dtype.name, array.shape, self.add(flat.data), None]

    def padded(self) -> list[memoryview | bytes]:
        """Return the bytes with what fills them up."""
        filled: list[memoryview | bytes] = []
        for part in self.parts:
            filled += [part, bytes(_aligned(part.nbytes) - part.nbytes)]
        return filled


NUMBERS = frozenset(
    (
        *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
        *("float16", "bfloat16", "float32", "float64"),
    )
)
"""Types of tensors whose elements have a fixed size, by their names in numpy."""


def _dtype(tensor: TensorMeta) -> np.dtype:
    if tensor.dtype != "bfloat16":
        return np.dtype(tensor.dtype)
    try:
        import ml_dtypes
    except ImportError:
        raise TypeError(
            f"input '{tensor.name}' has type bfloat16, which numpy has from the package ml_dtypes "
            "only: pip install ml_dtypes"
        ) from None
    dtype: np.dtype = np.dtype(ml_dtypes.bfloat16)
    return dtype


def _take_apart(kind: int, body: memoryview, *, owned: bool) -> Received:
    (length,) = META_LENGTH.unpack_from(body)
    meta = body[META_LENGTH.size : META_LENGTH.size + length]
    return Received(kind, meta, body[_aligned(META_LENGTH.size + length) :], owned)


def _texts(name: str, array: np.ndarray) -> list[str | bytes]:
    """Return the elements of an array of strings.

    Raises:
        ValueError: An element is no string.
        UnicodeEncodeError: One holds half of a surrogate pair.
    """
    texts: list[str | bytes] = []
    for text in array.ravel().tolist():
        if not isinstance(text, str | bytes):
            raise ValueError(f"output '{name}': every element must be a str or bytes")
        # Types derived from them are not encoded.
        texts.append(str(text) if isinstance(text, str) else bytes(text))
    return texts


def _aligned(length: int) -> int:
    return -(-length // ALIGNMENT) * ALIGNMENT


def _write(descriptor: int, data: memoryview, offset: int) -> None:
    flat = data.cast("B")
    while flat.nbytes:
        written = os.pwrite(descriptor, flat, offset)
        flat, offset = flat[written:], offset + written
