"""The time of a search."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Counts down from the longest time that a search may take."""

    def __init__(self, seconds: float, now: Callable[[], float] = time.monotonic) -> None:
        """Begin to count."""
        self._now = now
        self._began = now()
        self.seconds = seconds

    @property
    def elapsed_s(self) -> float:
        """Seconds since the begin."""
        return self._now() - self._began

    @property
    def left_s(self) -> float:
        """Seconds that are left; negative when the time is over."""
        return self.seconds - self.elapsed_s

    def until(self, share: float) -> float:
        """Return when a share of the time is over, on the clock of ``time.monotonic``."""
        return self._began + self.seconds * share
