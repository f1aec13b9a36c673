"""The slots of one loaded engine, lent to one caller each."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import numpy as np

from grps.backends.tensorrt.seam import EngineLayout
from grps.backends.tensorrt.slot import Slot, run_all
from grps.errors import GrpsError, ModelError
from grps.log import logger


class StreamPool:
    """Slots for threads to run in, each in one at a time.

    The slot that rested longest goes first, so that as many warm-up runs as there are slots
    reach all of them.
    """

    def __init__(self, layout: EngineLayout, slots: Sequence[Slot]) -> None:
        """Own ``slots``."""
        self.layout = layout
        self._size = len(slots)
        self._free = deque(slots)
        self._changed = threading.Condition()
        self._closed = False
        self._failure = ""

    @classmethod
    def open(cls, layout: EngineLayout, count: int, make: Callable[[], Slot]) -> StreamPool:
        """Return a pool of ``count`` slots from ``make``.

        Raises:
            ModelError: One can't be made; those before it are closed.
        """
        slots: list[Slot] = []
        try:
            for _ in range(count):
                slots.append(make())
        except BaseException:
            with suppress(GrpsError):
                run_all([slot.close for slot in slots])
            raise
        return cls(layout, slots)

    @property
    def size(self) -> int:
        """Slots that can be used."""
        with self._changed:
            return self._size

    def run(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the engine in a free slot; wait for one if need be.

        Raises:
            InputError: The engine does not take the shapes.
            ModelError: The run failed, the pool is closed or all its slots are broken.
        """
        with self._lend() as slot:
            return slot.run(inputs)

    def close(self) -> None:
        """Refuse new runs, wait for those in progress and free everything; twice is once.

        Raises:
            ModelError: The device failed; all was tried.
        """
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._free) == self._size)
            slots = list(self._free)
            self._free.clear()
            self._size = 0
        run_all([slot.close for slot in slots])

    @contextmanager
    def _lend(self) -> Iterator[Slot]:
        slot = self._take()
        try:
            yield slot
        finally:
            self._give_back(slot)

    def _take(self) -> Slot:
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._size or bool(self._free))
            if self._closed:
                raise ModelError("the engine is closed")
            if not self._size:
                raise ModelError(
                    f"no stream of the engine is left ({self._failure}); restart the service"
                )
            return self._free.popleft()

    def _give_back(self, slot: Slot) -> None:
        with self._changed:
            if slot.failure is None:
                self._free.append(slot)
                self._changed.notify_all()
                return
            self._size -= 1
            self._failure = self._failure or slot.failure
            left = self._size
            self._changed.notify_all()
        logger.error("a stream is out of use, %d left: %s", left, slot.failure)
        with suppress(GrpsError):
            slot.close()
