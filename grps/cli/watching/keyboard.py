"""The keys that are pressed on a terminal, one at a time."""

from __future__ import annotations

import codecs
import os
import re
import select
import termios
import tty
from types import TracebackType

_ESCAPE_WAIT_S = 0.1
"""How long the rest of a key's sequence may take; a lone Esc is known after it."""
_READ_BYTES = 1024
_CHARACTERS = {
    "\x1b": "escape",
    "\r": "enter",
    "\n": "enter",
    "\x7f": "backspace",
    "\b": "backspace",
}
_SEQUENCES = {
    "A": "up",
    "B": "down",
    "H": "home",
    "F": "end",
    "1~": "home",
    "4~": "end",
    "5~": "page_up",
    "6~": "page_down",
    "7~": "home",
    "8~": "end",
}
"""What follows Esc and ``[`` or ``O``."""
_KEY = re.compile(r"\x1b(?:\[|O)[0-9;]*[A-Za-z~]|\x1b(?:\[|O)[0-9;]*$|.", re.DOTALL)
_UNFINISHED = re.compile(r"\x1b(?:(?:\[|O)[0-9;]*)?$")


class Keyboard:
    """A terminal that gives each key at once, until the block ends.

    Ctrl-C still interrupts. The settings of the terminal are as before after the block.
    """

    def __init__(self, descriptor: int) -> None:
        """Read keys from a terminal.

        Args:
            descriptor: The file descriptor of the terminal.
        """
        self._descriptor = descriptor
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._before: list[int | list[bytes | int]] = []

    def __enter__(self) -> Keyboard:
        """Take the keys without echo and without waiting for a line."""
        self._before = termios.tcgetattr(self._descriptor)
        tty.setcbreak(self._descriptor, termios.TCSANOW)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore the terminal."""
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def read(self, timeout_s: float) -> list[str]:
        """Return the keys that are pressed within a time: characters, or names such as ``up``.

        Raises:
            EOFError: The terminal is closed.
        """
        text = self._text(timeout_s)
        while _UNFINISHED.search(text):
            rest = self._text(_ESCAPE_WAIT_S)
            if not rest:
                break
            text += rest
        return keys_in(text)

    def _text(self, timeout_s: float) -> str:
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return ""
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except OSError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        return self._decoder.decode(data)


def keys_in(text: str) -> list[str]:
    """Return the keys that a text from a terminal stands for; sequences without a name are none."""
    return [key for key in map(_name, _KEY.findall(text)) if key]


def _name(sequence: str) -> str:
    if len(sequence) > 1:
        return _SEQUENCES.get(sequence[2:], "")
    return _CHARACTERS.get(sequence, sequence if sequence.isprintable() else "")
