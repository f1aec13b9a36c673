"""How many bytes are done: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING

from grps.cli.output.lines import notice

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUIET_BYTES = 64 * 1024 * 1024
"""Less than this is done before a line about it is read."""
STEP_PERCENT = 25


class ByteProgress:
    """Shows how far a long copy has come, on stderr."""

    def __init__(self) -> None:
        """Begin with nothing shown."""
        self._shown: tuple[str, int] | None = None
        self._bar: Progress | None = None
        self._row: TaskID | None = None

    def __enter__(self) -> ByteProgress:
        """Prepare the bar."""
        if sys.stderr.isatty():
            from rich import progress
            from rich.console import Console

            self._bar = progress.Progress(
                progress.TextColumn("{task.description}"),
                progress.BarColumn(),
                progress.DownloadColumn(),
                progress.TransferSpeedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def show(self, what: str, done: int, total: int) -> None:
        """Show the progress."""
        if self._bar is not None:
            self._show_bar(what, done, total)
            return
        step = done * 100 // total // STEP_PERCENT * STEP_PERCENT if total else 100
        if total >= QUIET_BYTES and self._shown != (what, step):
            self._shown = (what, step)
            notice(f"  {what}: {step} % of {size_text(total)}")

    def _show_bar(self, what: str, done: int, total: int) -> None:
        assert self._bar is not None
        if self._row is None or self._shown is None or self._shown[0] != what:
            self._shown = (what, 0)
            self._row = self._bar.add_task(what, total=total)
        self._bar.update(self._row, completed=done)


def size_text(size: int) -> str:
    """Return a number of bytes for people: ``512 bytes``, ``1.5 MiB``."""
    value = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if value < 1024 or unit == "GiB":
            break
        value /= 1024
    return f"{size} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
