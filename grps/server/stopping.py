"""SIGTERM and SIGINT: the request to stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from types import FrameType


class StopRequested(BaseException):
    """Ends what can't be waited for; not an ``Exception``, so that user code lets it pass."""


class StopRequest:
    """Remembers that a signal asked the process to stop."""

    def __init__(self) -> None:
        """Nothing is asked yet."""
        self._asked = False
        self._interrupts = False
        # Its lock may be held by the very thread that a signal interrupts; an event's may not.
        self._asking: SimpleQueue[None] = SimpleQueue()

    def listen(self) -> None:
        """Take SIGTERM and SIGINT from here on; only the main thread can."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def ignore(self) -> None:
        """Let further signals pass: the process is ending.

        The interpreter would set its own handlers free at its end, and a late signal would kill
        a process that has done all in order.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)

    def wait(self) -> None:
        """Wait until a signal has asked for the stop."""
        while not self._asked:
            self._asking.get()

    @contextmanager
    def interrupts(self) -> Iterator[None]:
        """Let a signal end the block.

        Raises:
            StopRequested: A signal has come, before the block or in it.
        """
        self._interrupts = True
        try:
            if self._asked:
                raise StopRequested
            yield
            # The block may have swallowed the exception.
            if self._asked:
                raise StopRequested
        finally:
            self._interrupts = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._asked = True
        self._asking.put(None)
        if self._interrupts:
            self._interrupts = False
            raise StopRequested
