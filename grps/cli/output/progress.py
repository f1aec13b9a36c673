"""A line that says what is going on: live on a terminal, one line per change elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from grps.cli.output.lines import notice

if TYPE_CHECKING:
    from rich.status import Status


class ProgressLine:
    """Shows phase, detail and seconds on stderr while something is waited for."""

    def __init__(self, title: str) -> None:
        """Begin with ``title``."""
        self._title = title
        self._last = ""
        self._status: Status | None = None

    def __enter__(self) -> ProgressLine:
        """Show the title."""
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.text import Text

            self._status = Console(stderr=True).status(Text(self._title))
            self._status.start()
        else:
            notice(self._title)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the line away."""
        if self._status is not None:
            self._status.stop()

    @property
    def is_live(self) -> bool:
        """Whether it is a line of a terminal, which each progress overwrites."""
        return self._status is not None

    def show(self, phase: str, detail: str, elapsed_s: float) -> None:
        """Show the progress."""
        text = ": ".join(part for part in (phase, detail) if part)
        if self._status is not None:
            from rich.text import Text

            line = f"{self._title} · {elapsed_s:.1f} s · {text}"
            self._status.update(Text(line, no_wrap=True, overflow="ellipsis"))
        elif text and text != self._last:
            self._last = text
            notice(f"  {text} ({elapsed_s:.1f} s)")
