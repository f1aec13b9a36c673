"""Streams of results: iterators that can be closed early."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from types import TracebackType

from grps.client.call import Call
from grps.client.errors import CallError
from grps.client.result import Result
from grps.client.retry import Retry
from grps.client.transports.base import AsyncTransport, Transport


class Stream:
    """The pieces of an output, in order; the call begins with the first one.

    Closing it cancels the call: at the end of a ``with`` block, by ``close``, or when nothing
    refers to it any more. Use it from one thread at a time.
    """

    def __init__(self, pieces: Generator[Result, None, None]) -> None:
        """[For the client] Take over what yields the pieces."""
        self._pieces = pieces

    def close(self) -> None:
        """Cancel the call, unless all pieces have come."""
        self._pieces.close()

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Result:
        return next(self._pieces)

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncStream:
    """The pieces of an output, in order; the call begins with the first one.

    Closing it cancels the call: at the end of an ``async with`` block, or by ``aclose``.
    """

    def __init__(self, pieces: AsyncGenerator[Result, None]) -> None:
        """[For the client] Take over what yields the pieces."""
        self._pieces = pieces

    async def aclose(self) -> None:
        """Cancel the call, unless all pieces have come."""
        await self._pieces.aclose()

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> Result:
        return await anext(self._pieces)

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()


def pieces_of(transport: Transport, call: Call, retry: Retry) -> Generator[Result, None, None]:
    """Yield the pieces of a call, which is repeated only before its first piece."""
    attempt = 0
    while True:
        pieces = transport.stream(call)
        try:
            first = next(pieces, None)
        except CallError as error:
            pause = retry.pause(error, attempt, call.deadline)
            if pause is None:
                raise
            time.sleep(pause)
            attempt += 1
            continue
        try:
            if first is not None:
                yield first
                yield from pieces
        finally:
            pieces.close()
        return


async def async_pieces_of(
    transport: AsyncTransport, call: Call, retry: Retry
) -> AsyncGenerator[Result, None]:
    """Yield the pieces of a call, which is repeated only before its first piece."""
    attempt = 0
    while True:
        pieces = transport.stream(call)
        try:
            first = await anext(pieces, None)
        except CallError as error:
            pause = retry.pause(error, attempt, call.deadline)
            if pause is None:
                raise
            await asyncio.sleep(pause)
            attempt += 1
            continue
        try:
            if first is not None:
                yield first
                async for piece in pieces:
                    yield piece
        finally:
            await pieces.aclose()
        return
