"""Figures on a terminal, through which a reader moves with keys."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from rich.console import Console, RenderableType
from rich.live import Live

from grps.cli.watching.keyboard import Keyboard
from grps.cli.watching.screen import Screen

_POLL_S = 0.05
"""How often a look that runs is asked whether it has ended; keys are read at once."""

Look = Callable[[], Sequence[RenderableType]]


def browse(look: Look, interval: float, console: Console, keyboard: Keyboard) -> None:
    """Show what looks return until the reader ends it; the terminal is as before afterwards.

    Args:
        look: Returns what is shown, from top to bottom.
        interval: Seconds between two looks.
        console: The terminal.
        keyboard: Its keys.
    """
    screen = Screen(look())
    live = Live(screen, console=console, screen=True, auto_refresh=False)
    # A look may wait for a service that does not respond; keys are read meanwhile.
    pool = ThreadPoolExecutor(1)
    try:
        with _ended_by_sigterm(), keyboard:
            live.start(refresh=True)
            _follow(lambda: pool.submit(look), interval, live, screen, keyboard)
    except (KeyboardInterrupt, EOFError):
        return
    finally:
        # Also after an interrupt while the first picture is drawn.
        live.stop()
        pool.shutdown(wait=False)


def _follow(
    begin: Callable[[], Future[Sequence[RenderableType]]],
    interval: float,
    live: Live,
    screen: Screen,
    keyboard: Keyboard,
) -> None:
    """Look and read keys until a key ends it."""
    due = time.monotonic() + interval
    running: Future[Sequence[RenderableType]] | None = None
    while True:
        if running is None and time.monotonic() >= due:
            running = begin()
        if running is not None and running.done():
            screen.show(running.result())
            running, due = None, time.monotonic() + interval
            live.refresh()
        wait_s = max(0.0, due - time.monotonic()) if running is None else _POLL_S
        keys = keyboard.read(wait_s)
        for key in keys:
            if not screen.press(key):
                return
        if keys:
            live.refresh()


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the program in order, so that the terminal is restored."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
