"""A program on a terminal of its own, whose keys a test presses."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

GUARD_S = 60.0
LEAVE_SCREEN = "\x1b[?1049l"
SHOW_CURSOR = "\x1b[?25h"
_CONTROL = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)")
# The shell opens the terminal, which becomes that of its session: Ctrl-C interrupts the program.
_ON_TERMINAL = 'exec "$@" <"$TERMINAL" >"$TERMINAL" 2>&1'


class Terminal:
    """The screen of a program that draws all of it anew, beginning at its first line."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, slave: int) -> None:
        self.process = process
        self.written = ""
        self._master = master
        self._slave = slave

    def settings(self) -> list[Any]:
        """The settings of the terminal."""
        return termios.tcgetattr(self._slave)

    def resize(self, columns: int, lines: int) -> None:
        """Change the size of the terminal."""
        _resize(self._master, columns, lines)

    def press(self, keys: str) -> None:
        """Type keys."""
        os.write(self._master, keys.encode())

    def screen(self) -> list[str]:
        """The lines of the latest picture."""
        picture = self.written.rpartition("\x1b[H")[2]
        return [line.rstrip() for line in _CONTROL.sub("", picture).split("\n")]

    def line(self, start: str) -> str:
        """The first line that begins so; empty if there is none."""
        return next((line for line in self.screen() if line.startswith(start)), "")

    def selected(self) -> str:
        """The text of the reversed row."""
        picture = self.written.rpartition("\x1b[H")[2]
        found = re.findall(r"\x1b\[(?:\d+;)*7(?:;\d+)*m([^\x1b]*)", picture)
        return "".join(found).strip()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until the screen shows something."""
        deadline = time.monotonic() + GUARD_S
        while not condition():
            assert time.monotonic() < deadline, f"not in {GUARD_S} s: {what}: {self.screen()}"
            self._read(0.05)

    def until_shown(self, text: str) -> None:
        """Wait until the screen shows a text."""
        self.until(lambda: any(text in line for line in self.screen()), text)

    def until_ended(self) -> int:
        """Wait until the program has ended, and return its exit code."""
        self.until(lambda: self.process.poll() is not None, "the end")
        self._read(0.05)
        return self.process.returncode

    def _read(self, timeout_s: float) -> None:
        while select.select([self._master], [], [], timeout_s)[0]:
            data = os.read(self._master, 65536)
            self.written += data.decode(errors="replace").replace("\r\n", "\n")
            timeout_s = 0.0


@contextmanager
def on_terminal(
    command: Sequence[str], columns: int = 80, lines: int = 24, **environment: str
) -> Iterator[Terminal]:
    """Run a program on a terminal until the block ends."""
    master, slave = pty.openpty()
    try:
        _resize(master, columns, lines)
        settings = {**os.environ, "TERM": "xterm-256color", "TERMINAL": os.ttyname(slave)}
        for name in ("COLUMNS", "LINES", "NO_COLOR"):
            settings.pop(name, None)
        process = subprocess.Popen(
            ["sh", "-c", _ON_TERMINAL, "sh", *command],
            env={**settings, **environment},
            start_new_session=True,
        )
        terminal = Terminal(process, master, slave)
        try:
            yield terminal
        finally:
            process.kill()
            process.wait()
    finally:
        os.close(master)
        os.close(slave)


def _resize(master: int, columns: int, lines: int) -> None:
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
