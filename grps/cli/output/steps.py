"""What a build is doing: a live line on a terminal, one line for each step elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from grps.cli.output.lines import notice
from grps.cli.output.progress import ProgressLine

QUIET_S = 10.0
"""Without a terminal, the progress of a longer step is told this often."""


class StepProgress:
    """Shows the steps of a build on stderr."""

    def __init__(self) -> None:
        """Begin with nothing shown."""
        self._line: ProgressLine | None = None
        self._title = ""
        self._began = 0.0
        self._told = 0.0

    def __enter__(self) -> StepProgress:
        """Prepare to show."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the line of the running step away."""
        self.end()

    def show(self, title: str, line: str) -> None:
        """Show a step and what it printed last."""
        now = time.monotonic()
        if title != self._title:
            self.end()
            self._title, self._began, self._told = title, now, now
            self._line = ProgressLine(title)
            self._line.__enter__()
        if self._line is not None and line and (self._line.is_live or now - self._told > QUIET_S):
            self._told = now
            self._line.show("", line, now - self._began)

    def end(self) -> None:
        """Say how long the last step took."""
        if self._line is not None:
            self._line.__exit__(None, None, None)
            self._line = None
            notice(f"  {self._title}: {time.monotonic() - self._began:.1f} s")
        self._title = ""
