"""How long to wait before something that failed is tried again."""

from __future__ import annotations

import time

FIRST_S = 0.1
LONGEST_S = 30.0
STEADY_S = 60.0
"""What ran this long before it failed counts as having been well."""


class Backoff:
    """Delays that double from failure to failure."""

    def __init__(self) -> None:
        """Nothing has failed; what is watched begins to run."""
        self._next_s = FIRST_S
        self._began = time.monotonic()

    def begin(self) -> None:
        """Note that what is watched runs again."""
        self._began = time.monotonic()

    def delay_s(self) -> float:
        """Return how long to wait after one more failure."""
        if time.monotonic() - self._began >= STEADY_S:
            self._next_s = FIRST_S
        delay_s = self._next_s
        self._next_s = min(LONGEST_S, 2 * delay_s)
        return delay_s
