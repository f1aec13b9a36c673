"""An HTTP server that stalls: ``python -m benchmarks.checks.stalling_server`` prints its port.

It answers each request after a fixed time, except that it does nothing at all for a part of each
period, as a process does that is stopped or collects garbage.
"""

from __future__ import annotations

import argparse
import asyncio
import time

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
_END_OF_HEAD = b"\r\n\r\n"
_BACKLOG = 1024


class Responder(asyncio.Protocol):
    """One connection; requests have no body."""

    def __init__(self, service_s: float) -> None:
        """Answer each request after ``service_s``."""
        self._service_s = service_s
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers are written."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are complete."""
        *heads, self._received = (self._received + data).split(_END_OF_HEAD)
        for _ in heads:
            asyncio.get_running_loop().call_later(self._service_s, self._answer)

    def _answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_ANSWER)


async def serve(service_s: float, stall_s: float, period_s: float) -> None:
    """Listen on a free port of the loopback and stall at the start of each period."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Responder(service_s), "127.0.0.1", 0, backlog=_BACKLOG
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    begin = loop.time()
    while True:
        begin += period_s
        await asyncio.sleep(begin - loop.time())
        # The stall: it blocks the loop on purpose.
        time.sleep(max(0.0, begin + stall_s - loop.time()))


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("service_s", "stall_s", "period_s"):
        parser.add_argument(f"--{name}", type=float, required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.service_s, given.stall_s, given.period_s))


if __name__ == "__main__":
    main()
