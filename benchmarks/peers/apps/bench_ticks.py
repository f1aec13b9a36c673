"""The mock engine of W6, shared by the servers: one token of each stream at each step."""

import asyncio
import time

STEP_S = 0.005
TEXT = " tick"
"""The text of each token."""
MODEL = "mock"


class Clock:
    """Steps of a fixed time. A step that begins late does not delay those behind it."""

    def __init__(self) -> None:
        self._end = 0.0

    def delay_s(self) -> float:
        """Begin a step; return how long it takes from now on."""
        now = time.monotonic()
        begun = self._end if now - self._end < STEP_S else now
        self._end = begun + STEP_S
        return max(0.0, self._end - now)

    def wait(self) -> None:
        """Make a step: asleep, as while an accelerator works."""
        time.sleep(self.delay_s())


class Engine:
    """The mock engine in an event loop."""

    def __init__(self) -> None:
        self._clock = Clock()
        self._step: asyncio.Task[None] | None = None

    async def token(self) -> str:
        """Wait for the end of a step; return the text that it made."""
        if self._step is None or self._step.done():
            self._step = asyncio.create_task(asyncio.sleep(self._clock.delay_s()))
        await asyncio.shield(self._step)
        return TEXT
