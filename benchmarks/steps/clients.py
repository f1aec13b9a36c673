"""Clients of a trace: one HTTP connection for each sequence, opened when the sequence arrives.

The load does not wait for the server: a sequence arrives when the trace says so, and its time to
the first output counts from then on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence as Many
from dataclasses import dataclass, field

from benchmarks.steps.traces import Sequence

END_OF_CHUNKS = b"0\r\n\r\n"
CONNECTS = 3
"""How often a client tries to connect."""


@dataclass(slots=True)
class Record:
    """What became of one sequence."""

    sequence: Sequence
    late_s: float = 0.0
    """How much later than planned the client began: the load generator was busy."""
    first_s: float | None = None
    """From the arrival to the first output."""
    between_s: list[float] = field(default_factory=list)
    """Between two outputs."""
    outputs: int = 0
    ended_s: float = 0.0
    """When it ended, from the begin of the trace on."""
    outcome: str = "unfinished"
    """``finished``, ``left`` (as planned), ``failed`` or ``unfinished``."""


@dataclass(frozen=True, slots=True)
class Load:
    """What became of a trace."""

    records: list[Record]
    processor_s: float
    """Processor time of the load generator."""
    elapsed_s: float
    """From the first arrival to the last end."""


class Client(asyncio.Protocol):
    """Sends one request and notes when its outputs come: lines of JSON in chunks."""

    def __init__(self, record: Record, request: bytes, began: float) -> None:
        """Note what comes in ``record``; ``began`` is the clock at the begin of the trace."""
        self._record = record
        self._request = request
        self._began = began
        self._head: bytes | None = b""
        self._tail = b""
        self._last: float | None = None
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Note the outputs in what came."""
        now = time.perf_counter() - self._began
        if self._head is not None:
            head, found, data = (self._head + data).partition(b"\r\n\r\n")
            if not found:
                self._head = head
                return
            self._head = None
            if head[9:12] != b"200":
                self._end("failed")
                return
        ended_a_line = self._tail.endswith(b"}") and data.startswith(b"\n")
        self._note(data.count(b"}\n") + int(ended_a_line), now)
        self._tail = (self._tail + data)[-len(END_OF_CHUNKS) :]
        record = self._record
        leaves_after = record.sequence.leaves_after
        if leaves_after is not None and record.outputs >= leaves_after:
            self._end("left")
        elif self._tail == END_OF_CHUNKS:
            self._end("finished" if record.outputs == record.sequence.length else "failed")

    def connection_lost(self, error: Exception | None) -> None:
        """Fail, unless the end was noted already."""
        del error
        self._end("failed")

    def abandon(self) -> None:
        """Leave a sequence unfinished."""
        self._end("unfinished")

    def _note(self, count: int, now: float) -> None:
        record = self._record
        for _ in range(count):
            if self._last is None:
                record.first_s = now - record.sequence.at_s
            else:
                record.between_s.append(now - self._last)
            self._last = now
        record.outputs += count

    def _end(self, outcome: str) -> None:
        if not self.ended.done():
            self._record.outcome = outcome
            self._record.ended_s = time.perf_counter() - self._began
            self.ended.set_result(None)
        if self._transport is not None:
            self._transport.abort()


def run_trace(trace: Many[Sequence], port: int, path: str, drain_s: float) -> Load:
    """Run a trace against a server.

    Args:
        trace: The sequences.
        port: Of the server on the loopback.
        path: Where requests go; the body is ``{"ndarray": [LENGTH]}``.
        drain_s: Seconds after the last arrival in which sequences may end.
    """
    return asyncio.run(_run(trace, port, path, drain_s))


async def _run(trace: Many[Sequence], port: int, path: str, drain_s: float) -> Load:
    records = [Record(sequence) for sequence in trace]
    spent, began = time.process_time(), time.perf_counter()
    running = []
    for record in records:
        wait = record.sequence.at_s - (time.perf_counter() - began)
        if wait > 0:
            await asyncio.sleep(wait)
        record.late_s = time.perf_counter() - began - record.sequence.at_s
        running.append(asyncio.create_task(_ask(record, port, path, began)))
    if running:
        await asyncio.wait(running, timeout=drain_s)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    elapsed = max((record.ended_s for record in records), default=0.0)
    return Load(records, time.process_time() - spent, elapsed)


async def _ask(record: Record, port: int, path: str, began: float) -> None:
    body = f'{{"ndarray": [{record.sequence.length}]}}'
    request = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Accept: application/x-ndjson\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    client = Client(record, request.encode(), began)
    try:
        for left in reversed(range(CONNECTS)):
            try:
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: client, "127.0.0.1", port)
                break
            except OSError:
                if left == 0:
                    record.outcome, record.ended_s = "failed", time.perf_counter() - began
                    return
        await client.ended
    finally:
        client.abandon()
