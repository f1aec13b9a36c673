"""A first run of a model, before it takes requests."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grps.backends.backend import Backend, Signature, TensorSpec
from grps.backends.common.examples import SOME_TEXTS, element_of, example_of
from grps.errors import GrpsError, InputError, ModelError

_SIZES = (1, 8, 64, 224)
"""Tried for the dynamic dimensions after the first, which is the batch and stays 1."""
_NUMBERS = (1.0, 0.0)
"""Tried as elements of numbers."""


@dataclass(frozen=True, slots=True)
class FirstRun:
    """A run of a model on an example of its inputs, or why there was none."""

    inputs: list[np.ndarray] | None = None
    """What it was given; ``None`` when there was no run."""
    skipped: str | None = None
    """Why there was none: the model does not report its shapes, or refuses all examples."""


def warm_up(backend: Backend) -> tuple[Signature, FirstRun]:
    """Run ``backend`` once on an example of its inputs.

    Returns:
        The signature with the example that the model has run on, and the run.

    Raises:
        ModelError: A model of numbers whose shapes are all fixed failed.
    """
    signature = backend.signature
    ran = first_run(backend)
    if ran.inputs is None:
        tried = None if ran.skipped is None or not _is_known(signature) else False
        return dataclasses.replace(signature, tried=tried), ran
    given = iter(ran.inputs)
    inputs = tuple(
        _with_example(spec, next(given)) if spec.required else spec for spec in signature.inputs
    )
    return dataclasses.replace(signature, inputs=inputs, tried=True), ran


def first_run(backend: Backend) -> FirstRun:
    """Run ``backend`` once on the first example of its inputs that it takes.

    One of which nothing is left in an output, as an image that is too small, counts only if there
    is no other.

    Raises:
        ModelError: A model of numbers whose shapes are all fixed failed.
    """
    signature = backend.signature
    if signature.open_ended:
        return FirstRun(skipped="the model does not report its inputs")
    specs = [spec for spec in signature.inputs if spec.required]
    for spec in specs:
        if spec.dtype is None or spec.shape is None:
            text = f"the model does not report the type or shape of its input '{spec.name}'"
            return FirstRun(skipped=text)
    cause: GrpsError | None = None
    without_output: list[np.ndarray] | None = None
    for inputs in _examples(specs):
        try:
            outputs = backend.infer(inputs)
        except (InputError, ModelError) as error:
            cause = cause or error
            continue
        if all(output.size for _, output in outputs):
            return FirstRun(inputs)
        without_output = without_output or inputs
    if without_output is not None:
        return FirstRun(without_output)
    fixed = all(None not in (spec.shape or ()) for spec in specs)
    if fixed and not any(spec.dtype == "string" for spec in specs):
        raise ModelError(f"warm-up: {cause}") from cause
    return FirstRun(skipped=f"the model refused all examples: {cause}")


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


def _is_known(signature: Signature) -> bool:
    needed = [spec for spec in signature.inputs if spec.required]
    return not signature.open_ended and all(
        spec.dtype and spec.shape is not None for spec in needed
    )


def _examples(specs: list[TensorSpec]) -> Iterator[list[np.ndarray]]:
    """Yield the examples that are tried: all sizes of each kind of elements."""
    free = any(spec.example is None and None in (spec.shape or ())[1:] for spec in specs)
    open_specs = [spec for spec in specs if spec.values is None]
    texts = SOME_TEXTS if any(spec.dtype == "string" for spec in open_specs) else SOME_TEXTS[:1]
    numeric = any(spec.dtype != "string" for spec in open_specs)
    numbers = _NUMBERS if numeric else _NUMBERS[:1]
    for number in numbers:
        for text in texts:
            for size in _SIZES if free else _SIZES[:1]:
                yield [example_of(spec, size, number, text) for spec in specs]


def _with_example(spec: TensorSpec, array: np.ndarray) -> TensorSpec:
    values = spec.values or tuple(element_of(value) for value in array.flat[:1])
    return dataclasses.replace(spec, example=array.shape, values=values or None)
