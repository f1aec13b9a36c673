"""Pools of connections over HTTP.

Each connection is a transport of httpx: its own pool looks at all connections for every request.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import httpx

T = TypeVar("T", httpx.HTTPTransport, httpx.AsyncHTTPTransport)
UNUSED_S = 30.0
"""A connection that was not used for so long is closed when another one is taken."""


class Idle(Generic[T]):
    """Connections that carry no request; the one that was used last is taken first."""

    def __init__(self, make: Callable[[], T]) -> None:
        """Begin without any; ``make`` makes one."""
        self._make: Callable[[], T] = make
        self._free: deque[tuple[T, float]] = deque()
        self._all: set[T] = set()

    def take(self) -> tuple[T, T | None]:
        """Return a connection, and one to close because it was not used for long."""
        try:
            connection, _ = self._free.pop()
        except IndexError:
            connection = self._make()
            self._all.add(connection)
            return connection, None
        try:
            oldest = self._free.popleft()
        except IndexError:
            return connection, None
        if time.monotonic() - oldest[1] < UNUSED_S:
            self._free.appendleft(oldest)
            return connection, None
        self._all.discard(oldest[0])
        return connection, oldest[0]

    def put(self, connection: T) -> None:
        """Take back a connection."""
        self._free.append((connection, time.monotonic()))

    def clear(self) -> list[T]:
        """Return all connections, those in use as well, and forget them."""
        connections = list(self._all)
        self._all.clear()
        self._free.clear()
        return connections


class HttpPool:
    """Connections for blocking calls; any thread may use it."""

    def __init__(self, make: Callable[[], httpx.HTTPTransport], most: int) -> None:
        """Begin without connections; there are never more than ``most``."""
        self._idle = Idle(make)
        self._room = threading.BoundedSemaphore(most)

    def take(self, timeout: float | None) -> httpx.HTTPTransport:
        """Return a connection that no other thread uses.

        Raises:
            httpx.PoolTimeout: All connections are in use.
        """
        if not self._room.acquire(timeout=timeout):
            raise httpx.PoolTimeout("all connections are in use")
        connection, unused = self._idle.take()
        if unused is not None:
            unused.close()
        return connection

    def put(self, connection: httpx.HTTPTransport) -> None:
        """Take back a connection."""
        self._idle.put(connection)
        self._room.release()

    def close(self) -> None:
        """Close all connections."""
        for connection in self._idle.clear():
            connection.close()


class AsyncHttpPool:
    """Connections for the calls of an event loop."""

    def __init__(self, make: Callable[[], httpx.AsyncHTTPTransport], most: int) -> None:
        """Begin without connections; there are never more than ``most``."""
        self._idle = Idle(make)
        self._most = most
        self._room: asyncio.Semaphore | None = None

    async def take(self, timeout: float | None) -> httpx.AsyncHTTPTransport:
        """Return a connection that no other call uses.

        Raises:
            httpx.PoolTimeout: All connections are in use.
        """
        if self._room is None:
            self._room = asyncio.Semaphore(self._most)
        if self._room.locked():
            try:
                await asyncio.wait_for(self._room.acquire(), timeout)
            except asyncio.TimeoutError:
                raise httpx.PoolTimeout("all connections are in use") from None
        else:
            await self._room.acquire()
        connection, unused = self._idle.take()
        if unused is not None:
            try:
                await unused.aclose()
            except BaseException:
                self.put(connection)
                raise
        return connection

    def put(self, connection: httpx.AsyncHTTPTransport) -> None:
        """Take back a connection."""
        self._idle.put(connection)
        if self._room is not None:
            self._room.release()

    async def close(self) -> None:
        """Close all connections."""
        for connection in self._idle.clear():
            await connection.aclose()
