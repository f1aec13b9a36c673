"""What a step of the mock model costs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any


class Cost:
    """A fixed time for each step, and a time for each row in it."""

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        """Read ``step_ms``, ``row_us`` and ``busy`` from arguments."""
        self._step_s = float(arguments["step_ms"]) / 1e3
        self._row_s = float(arguments["row_us"]) / 1e6
        self._busy = bool(arguments["busy"])

    def spend(self, rows: int) -> None:
        """Take the time of a step: asleep, as while an accelerator works, or busy."""
        duration = self._step_s + rows * self._row_s
        if not self._busy:
            time.sleep(duration)
            return
        end = time.perf_counter() + duration
        while time.perf_counter() < end:
            pass
