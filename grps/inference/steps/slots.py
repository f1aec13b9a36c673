"""The slots of a step model: arrays with a row per sequence, and the states beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from grps.errors import ModelError
from grps.inference.steps.model import PrefillPart, StepBatch

_DECLARED = re.compile(r"(?P<dtype>[a-z]+[0-9]*)(\[(?P<dims>[0-9, ]*)\])?")


class Plan(Protocol):
    """What of a plan concerns the slots; see ``grps._core.StepPlan``."""

    @property
    def ended(self) -> Sequence[tuple[int | None, int, str]]:
        """Row, number and reason of each sequence that ended."""

    @property
    def saved(self) -> Sequence[tuple[int, int]]:
        """Rows whose state is saved, and the numbers of their sequences."""

    @property
    def dropped(self) -> Sequence[int]:
        """Rows whose state is dropped."""

    @property
    def moves(self) -> tuple[Sequence[int], Sequence[int]]:
        """Rows that go to another place, all at once: from, to."""

    @property
    def restored(self) -> Sequence[tuple[int, int]]:
        """Rows that get their saved state back, and the numbers of their sequences."""


def declared_slots(slots: Mapping[str, str]) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
    """Return type and dimensions of each slot.

    Args:
        slots: Declarations such as ``float32[256]`` by name.

    Raises:
        ModelError: One of them is wrong.
    """
    found = {}
    for name, text in slots.items():
        match = _DECLARED.fullmatch(text.strip())
        try:
            if match is None:
                raise ValueError
            dims = [int(size) for size in (match["dims"] or "").split(",") if size.strip()]
            found[name] = (np.dtype(match["dtype"]), tuple(dims))
        except (TypeError, ValueError) as error:
            raise ModelError(
                f"slot {name!r} is declared as {text!r}; write a type and the dimensions of a row, "
                "such as float32[256] or int64"
            ) from error
    return found


def bytes_of(slots: Mapping[str, str]) -> int:
    """Return the bytes of one row of all slots."""
    declared = declared_slots(slots).values()
    return sum(dtype.itemsize * int(np.prod(dims, dtype=np.int64)) for dtype, dims in declared)


class Slots:
    """Rows and states of the sequences that an instance holds."""

    def __init__(self, declared: Mapping[str, str], count: int) -> None:
        """Make arrays of ``count`` rows."""
        self._arrays = {
            name: np.zeros((count, *dims), dtype)
            for name, (dtype, dims) in declared_slots(declared).items()
        }
        self._states: list[Any] = [None] * count
        self._begun = [False] * count
        self._saved: dict[int, tuple[dict[str, np.ndarray], Any, bool]] = {}

    def apply(self, plan: Plan) -> list[Any]:
        """Move rows as a plan says; return the states of the sequences that ended."""
        released = [self._take(row, number) for row, number, _ in plan.ended]
        for row, number in plan.saved:
            rows = {name: array[row].copy() for name, array in self._arrays.items()}
            self._saved[number] = (rows, self._states[row], self._begun[row])
            self._clear(row)
        released += [self._take(row, -1) for row in plan.dropped]
        sources, targets = plan.moves
        if sources:
            self._move(sources, targets)
        for row, number in plan.restored:
            rows, self._states[row], self._begun[row] = self._saved.pop(number)
            for name, kept in rows.items():
                self._arrays[name][row] = kept
        return [state for was_begun, state in released if was_begun]

    def begin(self, row: int, state: Any) -> None:
        """Put what ``begin`` returned for a sequence into a row.

        Raises:
            ModelError: A row of a slot does not fit; the sequence has begun all the same, and its
                state is released when it ends.
        """
        rest = state
        if isinstance(state, Mapping) and self._arrays:
            rest = {key: value for key, value in state.items() if key not in self._arrays}
        self._states[row] = rest
        self._begun[row] = True
        for name, array in self._arrays.items():
            given = state.get(name, 0) if isinstance(state, Mapping) else 0
            try:
                array[row] = given
            except (TypeError, ValueError) as error:
                shape, wanted = np.shape(given), array.shape[1:]
                raise ModelError(
                    f"begin returned {list(shape)} for slot {name!r}, whose rows are {list(wanted)}"
                ) from error

    def release(self) -> list[Any]:
        """Take all sequences out, for an instance that has failed; return their states."""
        released = [self._take(row, -1) for row in range(len(self._states))]
        released += [self._take(None, number) for number in list(self._saved)]
        return [state for was_begun, state in released if was_begun]

    def batch(self, stop: int, start: int = 0) -> StepBatch:
        """Return the rows that are stepped."""
        arrays = {name: array[start:stop] for name, array in self._arrays.items()}
        return StepBatch(arrays, self._states[start:stop])

    def part(self, row: int, start: int, stop: int) -> PrefillPart:
        """Return a part of the prefill of a row."""
        # The ellipsis makes a view of a row without dimensions, too.
        rows = {name: array[row, ...] for name, array in self._arrays.items()}
        return PrefillPart(self._states[row], rows, start, stop)

    def _take(self, row: int | None, number: int) -> tuple[bool, Any]:
        if row is None:
            _, state, was_begun = self._saved.pop(number, ({}, None, False))
            return was_begun, state
        taken = self._begun[row], self._states[row]
        self._clear(row)
        return taken

    def _clear(self, row: int) -> None:
        self._states[row] = None
        self._begun[row] = False

    def _move(self, sources: Sequence[int], targets: Sequence[int]) -> None:
        for array in self._arrays.values():
            array[targets] = array[sources]
        moved = [(self._states[row], self._begun[row]) for row in sources]
        for row in sources:
            self._clear(row)
        for row, (state, was_begun) in zip(targets, moved, strict=True):
            self._states[row], self._begun[row] = state, was_begun
