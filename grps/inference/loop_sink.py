"""Sending chunks from async code, which must not block its event loop."""

from __future__ import annotations

import asyncio

from grps.inference.channel import Entry
from grps.inference.context import GrpsContext

FIRST_PAUSE_S = 0.001
LONGEST_PAUSE_S = 0.05


class LoopSink:
    """Sends chunks without waiting on an event loop, and waiting on any other thread."""

    def __init__(self, entry: Entry) -> None:
        """Send the chunks of ``entry``."""
        self._entry = entry

    def stream_message(self, message: bytes) -> bool:
        """Send an encoded message; False when the client receives no more."""
        if _is_on_loop():
            return self._entry.push_message(message)
        return self._entry.stream_message(message)

    def stream_raw(self, data: bytes) -> bool:
        """Send bytes as they are; False when the client receives no more."""
        return self._entry.push_raw(data) if _is_on_loop() else self._entry.stream_raw(data)

    def end_stream(self) -> None:
        """Send nothing more, whatever comes."""
        self._entry.end_stream()


async def wait_for_room(context: GrpsContext) -> None:
    """Wait until the client of a stream has taken so much that there is room for a chunk.

    A stream with room, which is the rule, is not waited for. The pauses grow, because a client
    that is slow stays slow.
    """
    pause_s = FIRST_PAUSE_S
    while not context.has_room():
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _is_on_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
