"""What user code prints: it stays on its standard stream, and each line of it is logged."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from grps.log import printed

MOST_CHARS = 8 * 1024
"""So much of a line is logged at once."""


class PrintedStream:
    """A standard stream whose lines are logged as well.

    The log knows the request that prints, and is where people look for what their code says.
    """

    def __init__(self, stream: TextIO) -> None:
        """Write to ``stream`` and log."""
        self._stream = stream
        self._begun = _Begun()
        self._pid = os.getpid()

    def write(self, text: str) -> int:
        """Write a text; each line is logged at its end."""
        # A forked child has the log's locks as they were, and none of its threads.
        if not _of_thread.logs and os.getpid() == self._pid:
            self._log(text)
        try:
            return self._stream.write(text)
        except UnicodeEncodeError:
            # Half a surrogate, or a character that the stream's encoding lacks, fails no request.
            encoding = self._stream.encoding or "utf-8"
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write several texts."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        """Return what the stream has under this name."""
        return getattr(self._stream, name)

    def _log(self, text: str) -> None:
        *lines, rest = (self._begun.text + text).split("\n")
        while len(rest) > MOST_CHARS:
            lines.append(rest[:MOST_CHARS])
            rest = rest[MOST_CHARS:]
        self._begun.text = rest
        # A handler of the log may print itself.
        _of_thread.logs = True
        try:
            for line in lines:
                # A progress bar is one line that is written again and again: its last state counts.
                shown = line.rstrip("\r").rpartition("\r")[2].rstrip()
                if shown:
                    printed.info("%s", shown, stacklevel=3)
        finally:
            _of_thread.logs = False


class _Begun(threading.local):
    """The line of a stream that a thread has begun."""

    text = ""


class _OfThread(threading.local):
    """What a thread does with both streams."""

    logs = False
    """Whether it logs a line: a handler that prints must not be logged in turn."""


_of_thread = _OfThread()


def log_printed() -> None:
    """Log what is printed from here on, until this process ends."""
    for name in ("stdout", "stderr"):
        setattr(sys, name, cast("TextIO", PrintedStream(getattr(sys, name))))


@contextmanager
def printed_is_logged() -> Iterator[None]:
    """Log what is printed while the block runs."""
    before = sys.stdout, sys.stderr
    log_printed()
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
