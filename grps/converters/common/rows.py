"""A backend on rows: no more at once than it takes, and one run at a time."""

from __future__ import annotations

import threading

import numpy as np

from grps.backends.backend import Backend
from grps.converters.common.reader import Arrays


class RowEngine:
    """Runs a backend on named arrays.

    Several threads may call: while one run is in progress, others prepare theirs.
    """

    def __init__(self, backend: Backend, constants: Arrays, most_rows: int | None) -> None:
        """Run ``backend``.

        Args:
            backend: The loaded model.
            constants: Inputs that are the same for every request.
            most_rows: Most rows of a run; ``None`` for no limit.
        """
        self._backend = backend
        self._running = threading.Lock()
        self._constants = constants
        self._names = [spec.name for spec in backend.signature.inputs]
        self._most = most_rows

    @property
    def most_rows(self) -> int | None:
        """Most rows of a run; ``None`` for no limit."""
        return self._most

    def run(self, arrays: Arrays) -> Arrays:
        """Return the outputs for some rows; more than a run may have are run in parts.

        Raises:
            InputError: The engine can't take an input that the signature alone allows.
            ModelError: The engine failed.
        """
        rows = min((array.shape[0] for array in arrays.values() if array.ndim), default=0)
        if self._most is None or rows <= self._most:
            return self._run(arrays)
        parts = [
            self._run({name: array[start : start + self._most] for name, array in arrays.items()})
            for start in range(0, rows, self._most)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _run(self, arrays: Arrays) -> Arrays:
        given = {**arrays, **self._constants}
        inputs = [np.ascontiguousarray(given[name]) for name in self._names if name in given]
        with self._running:
            return dict(self._backend.infer(inputs))
