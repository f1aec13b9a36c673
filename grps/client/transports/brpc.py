"""Calls over bRPC: one call at a time on each connection."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import select
import socket
import ssl
import threading
from collections.abc import AsyncGenerator, Generator

from grps.client.call import Call, has_passed, remaining
from grps.client.errors import (
    CallError,
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    Unavailable,
    Unsupported,
)
from grps.client.messages import grps_protobuf, wire
from grps.client.messages.content import Text
from grps.client.result import Result
from grps.client.settings import Settings
from grps.client.transports import frames
from grps.client.transports.base import Description
from grps.client.transports.descriptions import read_yaml

_NO_STREAMS = "bRPC has no streams; use http or grpc"
_TIMEOUT = "the timeout of the call passed"
_END = "the server closed it"
_STR_DATA = 4
_MAX_NUMBER = 1 << 62


class _Common:
    """What blocking and asynchronous transports have in common."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._context = settings.tls.context() if settings.tls is not None else None
        self._numbers = itertools.cycle(range(1, _MAX_NUMBER))
        self._is_closed = False

    def _ended(self, error: Exception) -> CallError:
        if self._is_closed:
            return Cancelled("the client is closed")
        return ConnectionFailed(f"the connection ended: {error}")

    def _connect_s(self, deadline: float | None) -> float:
        left = remaining(deadline)
        longest = self._settings.limits.connect_s
        return longest if left is None else min(left, longest)


def _question(deadline: float | None) -> Call:
    return Call(Text(""), deadline=deadline)


def _is_ready(message: bytes) -> bool:
    try:
        grps_protobuf.parse(message)
    except Unavailable:
        return False
    return True


def _description(message: bytes) -> Description:
    return read_yaml(frames.result(message).text)


def _not_connected(error: OSError, deadline: float | None) -> CallError:
    if isinstance(error, TimeoutError) and has_passed(deadline):
        return DeadlineExceeded("the timeout passed before there was a connection")
    is_refused = not isinstance(error, ssl.SSLError)
    return ConnectionFailed(f"there is no connection: {error}", is_refused=is_refused)


class BrpcTransport(_Common):
    """Blocking calls over bRPC."""

    def __init__(self, settings: Settings) -> None:
        """Make a pool of connections; none is opened before the first call."""
        super().__init__(settings)
        self._free = threading.Semaphore(settings.limits.connections)
        self._lock = threading.Lock()
        self._idle: list[socket.socket] = []
        self._busy: set[socket.socket] = set()

    def predict(self, call: Call) -> Result:
        """Call a model."""
        message = grps_protobuf.encode(call.content, call.model)
        return frames.result(self._exchange("Predict", message, call))

    def stream(self, call: Call) -> Generator[Result, None, None]:
        """Refuse: the protocol has no streams."""
        raise Unsupported(_NO_STREAMS)

    def is_ready(self, deadline: float | None) -> bool:
        """Whether the service is ready."""
        return _is_ready(self._exchange("CheckReadiness", b"", _question(deadline)))

    def metadata(self, model: str, deadline: float | None) -> Description:
        """Return the description of a model."""
        question = wire.text(_STR_DATA, model)
        return _description(self._exchange("ModelMetadata", question, _question(deadline)))

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            self._is_closed = True
            connections = [*self._idle, *self._busy]
            self._idle.clear()
        for connection in connections:
            _shut(connection)

    def _exchange(self, method: str, message: bytes, call: Call) -> bytes:
        if not self._free.acquire(timeout=remaining(call.deadline)):
            raise DeadlineExceeded("the timeout passed while all connections were in use")
        try:
            connection = self._take(call.deadline)
            is_whole = False
            try:
                number = next(self._numbers)
                frame = frames.request(method, message, call, self._settings.key, number)
                size, body = self._transfer(connection, frame, call.deadline)
                is_whole = True
            finally:
                self._put_back(connection, is_whole)
        finally:
            self._free.release()
        return frames.message_of(body, size, number)

    def _transfer(
        self, connection: socket.socket, frame: bytes, deadline: float | None
    ) -> tuple[frames.Sizes, bytes]:
        """Send a frame and read the response; if it fails, the connection can't be used again."""
        try:
            connection.settimeout(remaining(deadline))
            connection.sendall(frame)
            head = _receive(connection, frames.HEAD.size, deadline)
            size = frames.sizes(head, self._settings.limits.response_bytes)
            return size, _receive(connection, size.body, deadline)
        except TimeoutError:
            raise DeadlineExceeded(_TIMEOUT) from None
        except OSError as error:
            raise self._ended(error) from error

    def _take(self, deadline: float | None) -> socket.socket:
        while True:
            with self._lock:
                if self._is_closed:
                    raise Cancelled("the client is closed")
                connection = self._idle.pop() if self._idle else None
                if connection is not None:
                    self._busy.add(connection)
            if connection is None:
                return self._connect(deadline)
            # What can be read before a call was sent is the end of the connection.
            if not select.select([connection], [], [], 0)[0]:
                return connection
            self._put_back(connection, False)

    def _connect(self, deadline: float | None) -> socket.socket:
        host, port = self._settings.host_and_port
        try:
            connection = socket.create_connection((host, port), self._connect_s(deadline))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_hostname=host)
        except OSError as error:
            raise _not_connected(error, deadline) from error
        with self._lock:
            self._busy.add(connection)
        return connection

    def _put_back(self, connection: socket.socket, is_whole: bool) -> None:
        with self._lock:
            self._busy.discard(connection)
            is_kept = is_whole and not self._is_closed
            if is_kept:
                self._idle.append(connection)
        if not is_kept:
            connection.close()


def _receive(connection: socket.socket, size: int, deadline: float | None) -> bytes:
    received = bytearray(size)
    rest = memoryview(received)
    while rest:
        count = connection.recv_into(rest)
        if count == 0:
            raise ConnectionResetError(_END)
        rest = rest[count:]
        if rest and deadline is not None:
            connection.settimeout(remaining(deadline))
    return bytes(received)


def _shut(connection: socket.socket) -> None:
    """End a connection, also while another thread waits for it."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class AsyncBrpcTransport(_Common):
    """Calls over bRPC for an event loop."""

    def __init__(self, settings: Settings) -> None:
        """Make a pool of connections; none is opened before the first call."""
        super().__init__(settings)
        self._free: asyncio.Semaphore | None = None
        self._idle: list[Streams] = []
        self._busy: set[asyncio.StreamWriter] = set()

    async def predict(self, call: Call) -> Result:
        """Call a model."""
        message = grps_protobuf.encode(call.content, call.model)
        return frames.result(await self._exchange("Predict", message, call))

    def stream(self, call: Call) -> AsyncGenerator[Result, None]:
        """Refuse: the protocol has no streams."""
        raise Unsupported(_NO_STREAMS)

    async def is_ready(self, deadline: float | None) -> bool:
        """Whether the service is ready."""
        return _is_ready(await self._exchange("CheckReadiness", b"", _question(deadline)))

    async def metadata(self, model: str, deadline: float | None) -> Description:
        """Return the description of a model."""
        question = wire.text(_STR_DATA, model)
        return _description(await self._exchange("ModelMetadata", question, _question(deadline)))

    async def close(self) -> None:
        """Close all connections."""
        self._is_closed = True
        for writer in [*(writer for _, writer in self._idle), *self._busy]:
            writer.close()
        self._idle.clear()

    async def _exchange(self, method: str, message: bytes, call: Call) -> bytes:
        number = next(self._numbers)
        frame = frames.request(method, message, call, self._settings.key, number)
        try:
            left = remaining(call.deadline)
            size, body = await asyncio.wait_for(self._transfer(frame, call.deadline), left)
        except asyncio.TimeoutError:
            raise DeadlineExceeded(_TIMEOUT) from None
        return frames.message_of(body, size, number)

    async def _transfer(self, frame: bytes, deadline: float | None) -> tuple[frames.Sizes, bytes]:
        if self._free is None:
            self._free = asyncio.Semaphore(self._settings.limits.connections)
        async with self._free:
            reader, writer = await self._take(deadline)
            is_whole = False
            try:
                writer.write(frame)
                await writer.drain()
                head = await reader.readexactly(frames.HEAD.size)
                size = frames.sizes(head, self._settings.limits.response_bytes)
                body = await reader.readexactly(size.body)
                is_whole = True
            except (OSError, asyncio.IncompleteReadError) as error:
                raise self._ended(error) from error
            finally:
                self._put_back(reader, writer, is_whole)
        return size, body

    async def _take(self, deadline: float | None) -> Streams:
        if self._is_closed:
            raise Cancelled("the client is closed")
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                self._busy.add(writer)
                return reader, writer
            writer.close()
        host, port = self._settings.host_and_port
        name = host if self._context is not None else None
        opening = asyncio.open_connection(host, port, ssl=self._context, server_hostname=name)
        try:
            reader, writer = await asyncio.wait_for(opening, self._connect_s(deadline))
        except asyncio.TimeoutError as error:
            raise _not_connected(TimeoutError(str(error)), deadline) from error
        except OSError as error:
            raise _not_connected(error, deadline) from error
        self._busy.add(writer)
        return reader, writer

    def _put_back(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_whole: bool
    ) -> None:
        self._busy.discard(writer)
        if is_whole and not self._is_closed:
            self._idle.append((reader, writer))
        else:
            writer.close()
