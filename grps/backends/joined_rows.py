"""Whether requests to a model can be joined by rows, found by running it on joined rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from grps.errors import GrpsError
from grps.log import logger

Arrays = Sequence[np.ndarray]
Outputs = list[tuple[str, np.ndarray]]
Run = Callable[[list[np.ndarray]], Outputs]

TOLERANCE = 0.2
"""Largest difference of a row's outputs, relative to the largest value of the output.

Models that are quantised while they run choose their scales by the whole batch; with four layers
that made a tenth.
"""
_NOTED = 0.02
"""A difference from here on is logged."""
_NOISE = 1e-6
"""Differences that are never counted: what should be 0 may be of this size."""
_NARROW, _WIDE = 1.0, 4.0
"""Sizes of the numbers of other requests: those of one size may hide what a model mixes."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What one request sends, and what the model returns for it alone."""

    inputs: list[np.ndarray]
    outputs: Outputs


def joining_fault(
    run: Run, inputs: Arrays, most_rows: int | None = None, sizes: Sequence[int] = ()
) -> str | None:
    """Return why requests to a model can't be joined; ``None`` when joined ones do not differ.

    Different requests run alone and together. A difference counts if other requests have one as
    well, and if the model returns the same each time for a request that runs alone.

    Args:
        run: Runs the model once.
        inputs: A request that it takes.
        most_rows: Most rows of a run.
        sizes: The only numbers of rows that batches have, in ascending order; any when empty.
    """
    rows = len(inputs[0]) if inputs and inputs[0].ndim else 0
    if any(array.ndim and len(array) != rows for array in inputs):
        return "its inputs have different numbers of rows"
    limits = [3 * rows, *([most_rows] if most_rows else []), *([max(sizes)] if sizes else [])]
    if rows == 0 or min(limits) < 2 * rows:
        return None
    for spread in (_NARROW, _WIDE):
        # Models may mix rows forwards or backwards: the first request is in the middle then.
        others = 2 if spread == _WIDE and min(limits) == 3 * rows else 1
        filled = next((size for size in sizes if size >= (1 + others) * rows), (1 + others) * rows)
        trial = partial(_trial, run, inputs, spread, others, filled)
        if fault := trial(0) and trial(1):
            return fault
    return None


def _trial(
    run: Run, inputs: Arrays, spread: float, others: int, filled: int, seed: int
) -> str | None:
    """Return what is wrong with requests that run together, filled up to some rows."""
    tried = [_varied(inputs, seed + 10 * index, spread) for index in range(1, others + 1)]
    tried.insert(others - 1, _varied(inputs, seed, _NARROW) if seed else iter(()))
    requests = [found for one in tried if (found := _request(run, one, inputs)) is not None]
    if len(requests) < len(tried):
        return None
    joined = [
        np.concatenate(parts) for parts in zip(*(one.inputs for one in requests), strict=True)
    ]
    try:
        together = run([_fill(array, filled) for array in joined])
    except GrpsError as error:
        return f"it fails on the rows of several requests: {error}"
    if (fault := _shape_fault(requests, together, filled)) is not None:
        return fault
    fault = _value_fault(requests, together)
    return fault if fault and all(_repeats(run, request) for request in requests) else None


def _request(run: Run, candidates: Iterator[list[np.ndarray]], known: Arrays) -> _Request | None:
    """Return the first of the candidates that the model takes, else the ``known`` request."""
    for inputs in (*candidates, list(known)):
        try:
            return _Request(inputs, run(inputs))
        except GrpsError:
            continue
    return None


def _varied(inputs: Arrays, seed: int, spread: float) -> Iterator[list[np.ndarray]]:
    """Yield requests of the same shapes with other numbers; whole ones may be indices."""
    for low, high in ((-spread, spread), (0.0, 1.0)):
        random = np.random.default_rng(seed)
        yield [_varied_array(array, random, low, high) for array in inputs]


def _varied_array(
    array: np.ndarray, random: np.random.Generator, low: float, high: float
) -> np.ndarray:
    if array.dtype.kind == "f":
        return random.uniform(low, high, array.shape).astype(array.dtype)
    if array.dtype.kind in "iu":
        return random.integers(0, 2, array.shape).astype(array.dtype)
    return array


def _fill(array: np.ndarray, rows: int) -> np.ndarray:
    """Return ``array`` with copies of its last row behind it, as batches are filled up."""
    missing = rows - len(array)
    return np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) if missing else array


def _shape_fault(requests: Sequence[_Request], together: Outputs, filled: int) -> str | None:
    if any(len(request.outputs) != len(together) for request in requests):
        return "the number of its outputs depends on the rows"
    rows = len(requests[0].inputs[0])
    for index, (name, both) in enumerate(together):
        for request in requests:
            shape = request.outputs[index][1].shape
            seen = f"its shape is {list(shape)} for {_rows(rows)}, and {list(both.shape)} for "
            seen += _rows(filled)
            if shape[:1] != (rows,) or both.shape[:1] != (filled,):
                return f"output {name} has not one row for each row of the inputs: {seen}"
            if shape[1:] != both.shape[1:]:
                return f"the shape of output {name} depends on the rows that run together: {seen}"
    return None


def _value_fault(requests: Sequence[_Request], together: Outputs) -> str | None:
    rows = len(requests[0].inputs[0])
    for index, (name, both) in enumerate(together):
        for at, request in enumerate(requests):
            part = both[at * rows : (at + 1) * rows]
            difference = _difference(request.outputs[index][1], part)
            if difference > TOLERANCE:
                return f"output {name} of a row depends on the other rows that run with it"
            if difference > _NOTED:
                logger.warning(
                    "output %s of a row differs by %.0f %% when other rows run with it, as in "
                    "models that are quantised while they run",
                    name,
                    100 * difference,
                )
    return None


def _repeats(run: Run, request: _Request) -> bool:
    """Return whether the model returns the same again for a request that runs alone."""
    again = run(request.inputs)
    return not any(
        one.shape != two.shape or _difference(one, two) > TOLERANCE
        for (_, one), (_, two) in zip(request.outputs, again, strict=True)
    )


def _difference(alone: np.ndarray, joined: np.ndarray) -> float:
    """Return the largest difference of two arrays relative to their largest value."""
    if alone.dtype.kind not in "fiu":
        return 0.0 if np.array_equal(alone, joined) else 1.0
    one, two = alone.astype(np.float64), joined.astype(np.float64)
    finite = np.isfinite(one)
    if not np.array_equal(finite, np.isfinite(two)):
        return 1.0
    if not np.array_equal(one[~finite], two[~finite], equal_nan=True):
        return 1.0
    difference = np.abs(one[finite] - two[finite]).max(initial=0.0)
    largest = np.abs(np.concatenate([one[finite], two[finite]])).max(initial=0.0)
    return 0.0 if difference < _NOISE else float(difference / largest)


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"
