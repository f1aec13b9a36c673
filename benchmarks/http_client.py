"""A small HTTP/1.1 client that costs little beside what it measures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType

PREDICT = "/grps/v1/infer/predict"


class Connection:
    """One kept-alive connection with one request at a time."""

    def __init__(self, port: int) -> None:
        """Speak to the server on ``port`` of the loopback."""
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Connection:
        """Connect at the first request."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection, whatever is under way; the next request opens another one."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def send(
        self, path: str, body: bytes, headers: dict[str, str] | None = None
    ) -> asyncio.StreamReader:
        """Send a POST and return where its answer comes."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        lines = {"Content-Type": "application/json", **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        start = f"POST {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        writer.write(start.encode() + body)
        await writer.drain()
        return reader

    async def ask(
        self, path: str, body: bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send a POST and return the status and the body of the answer, chunks joined."""
        reader = await self.send(path, body, headers)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b"transfer-encoding: chunked" in head:
            answer = b"".join([chunk async for chunk in chunks(reader)])
        else:
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            answer = await reader.readexactly(length)
        if b"connection: close" in head:
            self.close()
        return int(head[9:12]), answer


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield the chunks of an HTTP/1.1 body."""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
