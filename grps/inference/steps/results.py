"""What a step returned: checked, and joined where sequences were stepped one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grps.errors import ModelError
from grps.inference.channel import NamedArray
from grps.inference.steps.model import StepResult

PAIR = 2


@dataclass(frozen=True, slots=True)
class Stepped:
    """What the rows of a step returned; its arrays have one row per sequence.

    Attributes:
        outputs: Arrays by name; none if no sequence returned any.
        finished: Which sequences have ended, or nothing for none.
        failed: Sequences that failed, by their row.
        state_bytes: Bytes of the state of each, or nothing for no change.
        lengths: Rows of the outputs that belong to each, or nothing for one each.
        cache_usage: Share of the model's cache that is in use, or nothing.
    """

    outputs: Sequence[NamedArray]
    finished: Sequence[bool]
    failed: Mapping[int, BaseException]
    state_bytes: Sequence[int]
    lengths: Sequence[int] = ()
    cache_usage: float | None = None


def stepped(returned: Any, rows: int) -> Stepped:
    """Return what ``step`` returned for so many rows.

    Raises:
        ModelError: It has no outputs, or one has another number of rows.
    """
    result = _result(returned)
    finished: list[bool] = np.asarray(result.finished, dtype=bool).ravel().tolist()
    sizes = [int(size) for size in result.state_bytes]
    lengths = [int(length) for length in result.lengths]
    outputs = _outputs(result.outputs, sum(lengths) if lengths else rows)
    usage = None if result.cache_usage is None else float(result.cache_usage)
    return Stepped(outputs, finished, result.failed, sizes, lengths, usage)


def stepped_alone(returned: Any) -> Stepped:
    """Return what ``step`` returned for one row, with everything that the row needs.

    Raises:
        ModelError: Something is missing, or is of another row.
        Exception: The row failed.
    """
    one = stepped(returned, 1)
    if len(one.finished) > 1:
        raise ModelError(f"a step of 1 rows says of {len(one.finished)} whether they have finished")
    if len(one.state_bytes) > 1:
        raise ModelError(f"a step of 1 rows has the bytes of {len(one.state_bytes)} states")
    if len(one.lengths) > 1:
        raise ModelError(f"a step of 1 rows has the lengths of {len(one.lengths)} outputs")
    for row, error in one.failed.items():
        raise ModelError(f"a step of 1 rows says that row {row} has failed") if row else error
    # The next step may use the same memory.
    return replace(one, outputs=[(name, array.copy()) for name, array in one.outputs])


def joined(singles: Sequence[Stepped | BaseException]) -> Stepped:
    """Return one result of sequences that were stepped one by one.

    Args:
        singles: What each returned, or why it failed; rows of the latter are zeros.

    Raises:
        ModelError: Their outputs differ in names, types or shapes, or only some have
            ``state_bytes``.
    """
    good = [one for one in singles if isinstance(one, Stepped)]
    failed = {row: one for row, one in enumerate(singles) if isinstance(one, BaseException)}
    for one in good[1:]:
        if _form(one) != _form(good[0]):
            raise ModelError(
                f"outputs of a step differ between sequences: {_form(good[0])} and {_form(one)}"
            )
    if len({len(one.state_bytes) for one in good}) > 1:
        raise ModelError("a step has the bytes of some states only")
    first = good[0] if good else Stepped([], [], {}, [])
    # Rows of sequences that failed are never read.
    filler = Stepped(
        [(name, np.zeros_like(array)) for name, array in first.outputs],
        [False],
        {},
        [0] * len(first.state_bytes),
        first.lengths,
    )
    rows = [one if isinstance(one, Stepped) else filler for one in singles]
    outputs = [
        (name, np.concatenate([one.outputs[number][1] for one in rows]))
        for number, (name, _) in enumerate(first.outputs)
    ]
    finished = [any(one.finished) for one in rows]
    sizes = [size for one in rows for size in one.state_bytes]
    # A sequence that says nothing of its length has one row.
    lengths = [sum(one.lengths) if one.lengths else 1 for one in rows]
    has_lengths = any(one.lengths for one in good)
    # The cache is that of all: what was said last holds.
    usage = good[-1].cache_usage if good else None
    return Stepped(outputs, finished, failed, sizes, lengths if has_lengths else (), usage)


def _form(one: Stepped) -> str:
    shapes = [
        list(array.shape[1:]) if one.lengths else list(array.shape) for _, array in one.outputs
    ]
    described = zip(one.outputs, shapes, strict=True)
    return ", ".join(f"{name} {array.dtype} {shape}" for (name, array), shape in described)


def _result(returned: Any) -> StepResult:
    if isinstance(returned, StepResult):
        return returned
    if isinstance(returned, tuple) and len(returned) == PAIR:
        return StepResult(*returned)
    return StepResult(returned)


def _outputs(outputs: Any, rows: int) -> list[NamedArray]:
    """Return named arrays, C-contiguous.

    Raises:
        ModelError: There is none, or one has another number of rows.
    """
    if outputs is None:
        raise ModelError("step returned nothing; return a StepResult, or an array")
    named: Iterable[tuple[str, Any]]
    named = outputs.items() if isinstance(outputs, Mapping) else [("output", outputs)]
    arrays = [(name, np.ascontiguousarray(array)) for name, array in named]
    for name, array in arrays:
        if array.shape[:1] != (rows,):
            raise ModelError(
                f"output {name} of a step has shape {list(array.shape)}, not {rows} rows"
            )
    return arrays
