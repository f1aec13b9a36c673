"""Running models on tensors, one request at a time or in batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from grps.errors import ModelError
from grps.inference.channel import Entry, NamedArray
from grps.inference.runner import fail
from grps.log import logger


class TensorModel(Protocol):
    """A loaded model that takes and returns arrays."""

    def run(self, tensors: list[NamedArray], entries: Sequence[Entry]) -> list[NamedArray]:
        """Run the model once.

        Args:
            tensors: The inputs; in the model's order when it has a signature.
            entries: The requests they come from; one that fails by itself may be answered here.

        Returns:
            The outputs, C-contiguous.
        """


class Engine(Protocol):
    """A backend, as the runner sees it."""

    def infer(self, inputs: Sequence[np.ndarray]) -> list[NamedArray]:
        """Run the model once on one array per input, in the model's order."""


class EngineModel:
    """A backend's model."""

    def __init__(self, engine: Engine) -> None:
        """Run ``engine``."""
        self._engine = engine

    def run(self, tensors: list[NamedArray], entries: Sequence[Entry]) -> list[NamedArray]:
        """Run the engine on the arrays in their order."""
        del entries  # an engine knows nothing of requests
        return self._engine.infer([array for _, array in tensors])


class TensorRunner:
    """Runs a model on tensors; user code never sees a message."""

    max_batch_size = 1

    def __init__(self, model: TensorModel, name: str) -> None:
        """Run ``model``, called ``name`` in the log."""
        self._model = model
        self._name = name

    def run(self, entries: Sequence[Entry]) -> None:
        """Answer each entry with the model's outputs."""
        for entry in entries:
            self.run_alone(entry, entry.tensors())

    def run_alone(self, entry: Entry, tensors: list[NamedArray]) -> None:
        """Answer one entry; its failure is its own."""
        try:
            outputs = self._model.run(tensors, [entry])
            if not entry.is_answered():
                entry.reply_tensors(outputs)
        except Exception as error:
            fail(entry, error, self._name)


@dataclass(frozen=True, slots=True)
class _Item:
    """A request of a batch."""

    entry: Entry
    tensors: list[NamedArray]
    rows: int


Group = tuple[tuple[str, np.dtype, tuple[int, ...]], ...]
"""Name, type and shape without the first dimension of each input: what is equal in a batch."""


class BatchingTensorRunner:
    """Joins the rows of several requests, runs the model once and splits its outputs again."""

    def __init__(self, model: TensorModel, name: str, max_batch_size: int) -> None:
        """Run ``model`` on at most ``max_batch_size`` rows at once."""
        self.max_batch_size = max_batch_size
        self._model = model
        self._name = name
        self._alone = TensorRunner(model, name)

    def run(self, entries: Sequence[Entry]) -> None:
        """Answer all entries, those that fit together at once."""
        groups: dict[Group, list[_Item]] = defaultdict(list)
        for entry in entries:
            tensors = entry.tensors()
            rows = _rows(tensors)
            if rows is None:
                self._alone.run_alone(entry, tensors)
            else:
                key = tuple((name, array.dtype, array.shape[1:]) for name, array in tensors)
                groups[key].append(_Item(entry, tensors, rows))
        for items in groups.values():
            for batch in _pack(items, self.max_batch_size):
                self._run_batch(batch)

    def _run_batch(self, batch: list[_Item]) -> None:
        if len(batch) > 1:
            try:
                self._run_joined(batch)
                return
            except Exception:
                # One bad request must not fail the others: each is tried again by itself.
                logger.warning("%s failed on a batch of %d", self._name, len(batch), exc_info=True)
        for item in batch:
            if not item.entry.is_answered():
                self._alone.run_alone(item.entry, item.tensors)

    def _run_joined(self, batch: list[_Item]) -> None:
        columns = zip(*(item.tensors for item in batch), strict=True)
        joined = [
            (column[0][0], np.concatenate([array for _, array in column])) for column in columns
        ]
        outputs = self._model.run(joined, [item.entry for item in batch])
        total = sum(item.rows for item in batch)
        for name, array in outputs:
            if array.shape[:1] != (total,):
                raise ModelError(
                    f"output {name} has shape {list(array.shape)}, not {total} rows: "
                    "the model does not keep one row per input row, so it can't be batched"
                )
        start = 0
        for item in batch:
            part = slice(start, start + item.rows)
            if not item.entry.is_answered():
                item.entry.reply_tensors([(name, array[part]) for name, array in outputs])
            start += item.rows


def _rows(tensors: list[NamedArray]) -> int | None:
    """The rows of a request; ``None`` when its inputs have no first dimension in common."""
    counts = {array.shape[0] if array.ndim else -1 for _, array in tensors}
    return counts.pop() if len(counts) == 1 and -1 not in counts else None


def _pack(items: Iterable[_Item], most_rows: int) -> Iterable[list[_Item]]:
    """Cut items, in order, into batches of at most ``most_rows`` rows.

    An item with more rows is a batch of its own: its client asked for them.
    """
    batch: list[_Item] = []
    rows = 0
    for item in items:
        if batch and rows + item.rows > most_rows:
            yield batch
            batch, rows = [], 0
        batch.append(item)
        rows += item.rows
    if batch:
        yield batch
