"""Signals that stop a command, noted instead of raised.

An exception out of a signal handler can strike inside the standard library's own handling of a
process and leave it waiting for ever. Code that waits therefore checks for the signal itself.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ASKING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def noted_signals() -> Iterator[Callable[[], None]]:
    """Note SIGINT and SIGTERM while the block runs; give the function that asks for them.

    The function raises ``KeyboardInterrupt`` once a signal has come. One that was not checked
    is raised at the end of the block. Outside the main thread signals are not ours to handle, and
    the function does nothing.
    """
    noted = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        noted.set()

    def ask() -> None:
        if noted.is_set():
            noted.clear()
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield ask
        return
    before = {number: signal.signal(number, note) for number in ASKING}
    try:
        yield ask
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    ask()


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as Ctrl-C does, so that what was begun is cleaned up.

    Handlers that are there already stay, and so do those of threads, which have none.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ending = (signal.SIGTERM, signal.SIGHUP)
    taken = [number for number in ending if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
