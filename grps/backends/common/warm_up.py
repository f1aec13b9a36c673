"""A first run of a model, before it takes requests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grps.backends.backend import Backend, TensorSpec
from grps.errors import GrpsError, InputError, ModelError

_SIZES = (1, 8, 64, 224)
"""Tried for the dynamic dimensions after the first, which is the batch and stays 1."""


@dataclass(frozen=True, slots=True)
class RunOnZeros:
    """A run of a model on zeros, or why there was none."""

    inputs: list[np.ndarray] | None = None
    """What it was given; ``None`` when there was no run."""
    skipped: str | None = None
    """Why there was none: the model does not report its shapes, or refuses zeros of every size."""


def warm_up(backend: Backend) -> str | None:
    """Run ``backend`` once on zeros shaped by its signature.

    Returns:
        ``None`` after a run, else why there was none.

    Raises:
        ModelError: A model whose shapes are all fixed failed.
    """
    return run_on_zeros(backend).skipped


def run_on_zeros(backend: Backend) -> RunOnZeros:
    """Run ``backend`` once on zeros, with the first sizes of its dynamic dimensions that it takes.

    Raises:
        ModelError: A model whose shapes are all fixed failed.
    """
    signature = backend.signature
    if signature.open_ended:
        return RunOnZeros(skipped="the model does not report its inputs")
    specs = [spec for spec in signature.inputs if spec.required]
    for spec in specs:
        if spec.dtype is None or spec.shape is None:
            text = f"the model does not report the type or shape of its input {spec.name}"
            return RunOnZeros(skipped=text)
    cause: GrpsError | None = None
    for size in _sizes(specs):
        inputs = [zeros_of(spec, size) for spec in specs]
        try:
            backend.infer(inputs)
        except (InputError, ModelError) as error:
            cause = cause or error
        else:
            return RunOnZeros(inputs)
    if all(None not in (spec.shape or ()) for spec in specs):
        raise ModelError(f"warm-up: {cause}") from cause
    return RunOnZeros(skipped=f"the model refused zeros: {cause}")


def _sizes(specs: list[TensorSpec]) -> tuple[int, ...]:
    free = any(spec.example is None and None in (spec.shape or ())[1:] for spec in specs)
    return _SIZES if free else _SIZES[:1]


def zeros_of(spec: TensorSpec, size: int, rows: int = 1) -> np.ndarray:
    """Return zeros, or empty strings, that fit an input.

    Args:
        spec: The input, which has a type and a shape.
        size: What a dynamic dimension is to be.
        rows: What the first one is to be, if it is dynamic.
    """
    dims = spec.shape or ()
    filled = [size if dim is None else dim for dim in dims]
    if dims and dims[0] is None:
        filled[0] = rows
    if spec.example is not None:
        filled = list(spec.example)
    if spec.dtype == "string":
        return np.full(filled, "", dtype=object)
    return np.zeros(filled, dtype=spec.dtype)
