"""SIGTERM and SIGINT: the request to stop."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from grps.errors import StopRequested
from grps.server.native import Server, StopSignals

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Whether a signal has requested the process to stop."""

    def __init__(self) -> None:
        """Create a request that is not set."""
        self._requested = False
        self._interrupts = False
        # Handlers in Python run late, or never, while user code holds the interpreter.
        self._signals = StopSignals([int(number) for number in SIGNALS])

    def listen(self) -> None:
        """Take the signals from here on; only the main thread can."""
        signal.set_wakeup_fd(self._signals.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._receive)

    def end_within(self, seconds: float) -> None:
        """End the process so long after the signal, whatever its threads do."""
        self._signals.end_within(seconds)

    def drain(self, server: Server) -> None:
        """Let ``server`` drain from the signal on, even if Python can't do so."""
        self._signals.drain(server)

    def wait(self) -> None:
        """Wait until a signal requests the stop."""
        self._signals.wait()
        self._requested = True

    def close(self) -> None:
        """Ignore the signals from here on: the process ends anyway, with its own exit code."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)

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
