"""Outputs that a model does not report, found by a run on zeros."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from grps.backends.backend import DTYPE_NAMES, TensorSpec
from grps.backends.common.warm_up import zeros_of
from grps.errors import GrpsError

Run = Callable[[Sequence[np.ndarray]], list[tuple[str, np.ndarray]]]


def learn_outputs(inputs: Sequence[TensorSpec], run: Run) -> tuple[TensorSpec, ...]:
    """Return the outputs of a model whose inputs have types and shapes.

    It runs on one row and on two: what differs then is the number of rows.

    Args:
        inputs: All of them, with a type and a shape; of these only the first dimension is free.
        run: Runs the model once.

    Returns:
        The outputs; none when the inputs lack types or shapes, or the model refuses zeros.
    """
    needed = [spec for spec in inputs if spec.required]
    if any(spec.dtype is None or not _is_known(spec.shape) for spec in needed):
        return ()
    free = any(spec.shape is not None and None in spec.shape for spec in needed)
    found = []
    for rows in (1, 2) if free else (1,):
        try:
            found.append(run([zeros_of(spec, 1, rows) for spec in needed]))
        except GrpsError:
            return ()
    return outputs_of(found[0], found[-1])


def outputs_of(
    first: list[tuple[str, np.ndarray]], second: list[tuple[str, np.ndarray]]
) -> tuple[TensorSpec, ...]:
    """Return the outputs of a model after a run on one row and one on two."""
    return tuple(
        TensorSpec(name, _type_of(one), _shape_of(one.shape, two.shape))
        for (name, one), (_, two) in zip(first, second, strict=True)
    )


def _is_known(shape: tuple[int | None, ...] | None) -> bool:
    return shape is not None and None not in shape[1:]


def _type_of(array: np.ndarray) -> str | None:
    name = "string" if array.dtype == object else array.dtype.name
    return name if name in DTYPE_NAMES else None


def _shape_of(one: tuple[int, ...], two: tuple[int, ...]) -> tuple[int | None, ...] | None:
    if len(one) != len(two):
        return None
    return tuple(first if first == second else None for first, second in zip(one, two, strict=True))
