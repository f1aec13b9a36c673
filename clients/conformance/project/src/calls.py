"""What the models count: calls that run, and calls that their clients have cancelled."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Calls:
    """Counts of all models of the service; any thread may use it."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        self._lock = threading.Lock()
        self._running = 0
        self._cancelled = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count a call as running until the block ends."""
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def cancel(self) -> None:
        """Count a call whose client does not wait for it any more."""
        with self._lock:
            self._cancelled += 1

    def as_json(self) -> str:
        """The counts as the model ``state`` answers them."""
        with self._lock:
            return json.dumps({"running": self._running, "cancelled": self._cancelled})


CALLS = Calls()
