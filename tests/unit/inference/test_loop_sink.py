"""Chunks of async code: they do not wait on an event loop."""

from __future__ import annotations

import asyncio
import threading

from grps.inference.context import GrpsContext
from grps.inference.loop_sink import LoopSink, wait_for_room
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.unit.inference.entries import FakeEntry

MESSAGE = GrpsMessage(str_data="x").SerializeToString()


class FullEntry(FakeEntry):
    """A stream that has room from the third look on; notes which methods are called."""

    def __init__(self) -> None:
        super().__init__(GrpsMessage(), streaming=True)
        self.looks = 0
        self.calls: list[str] = []

    def has_room(self) -> bool:
        self.looks += 1
        return self.looks >= 3

    def stream_message(self, message: bytes) -> bool:
        self.calls.append("stream_message")
        return True

    def stream_raw(self, data: bytes) -> bool:
        self.calls.append("stream_raw")
        return True

    def push_message(self, message: bytes) -> bool:
        self.calls.append("push_message")
        return True

    def push_raw(self, data: bytes) -> bool:
        self.calls.append("push_raw")
        return True


def send(sink: LoopSink) -> None:
    sink.stream_message(MESSAGE)
    sink.stream_raw(b"x")


def test_only_other_threads_than_the_loop_wait() -> None:
    entry = FullEntry()
    sink = LoopSink(entry)

    async def send_on_loop() -> None:
        send(sink)
        await asyncio.to_thread(send, sink)

    asyncio.run(send_on_loop())
    assert entry.calls == ["push_message", "push_raw", "stream_message", "stream_raw"]


def test_a_full_stream_is_waited_for_without_a_thread() -> None:
    entry = FullEntry()
    context = GrpsContext()
    context.bind(entry)
    before = threading.active_count()

    async def wait() -> None:
        await wait_for_room(context)
        assert threading.active_count() == before

    asyncio.run(wait())
    assert entry.looks == 3


def test_the_context_sends_through_the_sink() -> None:
    entry = FullEntry()
    context = GrpsContext()
    context.use_sink(LoopSink)
    context.bind(entry)
    context.use_sink(LoopSink)

    async def respond() -> None:
        context.stream_respond(GrpsMessage(str_data="x"))

    asyncio.run(respond())
    assert entry.calls == ["push_message"]
