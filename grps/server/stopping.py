"""SIGTERM and SIGINT: the request to stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequested(BaseException):
    """Ends what can't be waited for; not an ``Exception``, so that user code lets it pass."""


class StopRequest:
    """Whether a signal has requested the process to stop."""

    def __init__(self) -> None:
        """Create a request that is not set."""
        self._requested = False
        self._interrupts = False
        # A signal that any other thread takes, or that comes right before a lock is waited for,
        # wakes no thread; what it writes into a pipe is never lost.
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)

    def listen(self) -> None:
        """Take the signals from here on; only the main thread can."""
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._receive)

    def wait(self) -> None:
        """Wait until a signal requests the stop."""
        while not self._requested:
            received = os.read(self._wake, 4096)
            self._requested |= any(number in received for number in SIGNALS)

    def close(self) -> None:
        """Ignore the signals from here on: the process ends anyway, with its own exit code."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        os.close(self._woken)
        os.close(self._wake)

    @contextmanager
    def interrupts(self) -> Iterator[None]:
        """Let a signal end the block.

        Raises:
            StopRequested: A signal has come, before the block or in it.
        """
        self._interrupts = True
        try:
            if self._requested:
                raise StopRequested
            yield
            # The block may have swallowed the exception.
            if self._requested:
                raise StopRequested
        finally:
            self._interrupts = False

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._requested = True
        if self._interrupts:
            self._interrupts = False
            raise StopRequested
