"""Inputs of a model in this process, made of its signature or given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grps.backends.backend import Backend, Signature, TensorSpec
from grps.backends.common.examples import python_value
from grps.backends.common.warm_up import warm_up
from grps.errors import InputError, ModelError
from grps.perf.errors import PerfError
from grps.perf.requests.signature import Input, generate
from grps.profile.errors import ProfileError

Arrays = list[np.ndarray[Any, np.dtype[Any]]]
Given = Mapping[str, np.ndarray[Any, np.dtype[Any]]] | np.ndarray[Any, np.dtype[Any]] | str | bytes
"""Inputs by name, or the only one, which may be a string."""
_SEED = 1
_DTYPE = "float32"
"""Of generated inputs whose type the model does not report."""


def make_inputs(
    backend: Backend, *, batch: int, shapes: Mapping[str, tuple[int, ...]]
) -> tuple[Arrays, str]:
    """Generate inputs that a model takes.

    Random elements come first; if the model refuses them, those of the example that its engine
    finds take their place.

    Args:
        backend: The loaded model.
        batch: The first size of inputs that leave it open.
        shapes: Whole shapes by the names of inputs; one without a name is for a model with one.

    Returns:
        The inputs, and what they are in words.

    Raises:
        ProfileError: A shape is not known or does not fit, or the model refuses what was made.
    """
    specs = needed_inputs(backend.signature)
    random = np.random.default_rng(_SEED)
    wanted = tuple(_input(spec, shapes, len(specs)) for spec in specs)
    try:
        made = generate(wanted, random, batch=batch, shapes=shapes)
    except PerfError as error:
        raise ProfileError(str(error)) from error
    arrays = [made[spec.name] for spec in specs]
    try:
        backend.infer(arrays)
    except (InputError, ModelError) as refused:
        return _of_examples(backend, specs, arrays, refused), "made of the model's example"
    return arrays, "random"


def needed_inputs(signature: Signature) -> list[TensorSpec]:
    """Return the inputs that a request has to have.

    Raises:
        ProfileError: They are not known.
    """
    specs = [spec for spec in signature.inputs if spec.required]
    if signature.open_ended or not specs:
        raise ProfileError(
            "the model does not report its inputs; give them as for grpst call, after the model"
        )
    return specs


def take_inputs(signature: Signature, given: Given) -> Arrays:
    """Return given inputs in the order of a model.

    Raises:
        ProfileError: Names or types do not fit.
    """
    specs = [spec for spec in signature.inputs if spec.required]
    if isinstance(given, (str, bytes)):
        given = np.array([given], dtype=object)
    if isinstance(given, np.ndarray):
        if len(specs) > 1:
            wanted = ", ".join(f"{spec.name}=…" for spec in specs)
            raise ProfileError(f"the model has {len(specs)} inputs: give {wanted}")
        given = {specs[0].name if specs else "": given}
    names = [spec.name for spec in specs]
    if signature.strict_names and set(given) != set(names):
        raise ProfileError(f"the model's inputs are {', '.join(names)}, not {', '.join(given)}")
    ordered = [given[name] for name in names] if set(given) == set(names) else list(given.values())
    for at, (array, spec) in enumerate(zip(ordered, specs, strict=False)):
        if spec.dtype == "bool" and array.dtype == np.uint8:
            # Clients of GRPS send a bool as a uint8.
            ordered[at] = array.astype(np.bool_)
            continue
        dtype = "string" if array.dtype == object else array.dtype.name
        if spec.dtype not in (None, dtype):
            raise ProfileError(f"input {spec.name!r} is {spec.dtype}, not {dtype}")
    return [np.ascontiguousarray(array) for array in ordered]


def with_rows(inputs: Sequence[np.ndarray[Any, Any]], rows: int) -> Arrays:
    """Return inputs with so many rows: theirs, repeated or cut off."""
    return [
        np.ascontiguousarray(np.take(array, np.arange(rows) % len(array), axis=0))
        for array in inputs
    ]


def _input(spec: TensorSpec, shapes: Mapping[str, tuple[int, ...]], count: int) -> Input:
    """Return an input as requests are generated for it; what is not reported is as given."""
    given = shapes.get(spec.name, shapes.get("") if count == 1 else None)
    shape = spec.shape
    if shape is None:
        if given is None:
            raise ProfileError(
                f"the model does not report the shape of its input {spec.name!r}: give it by "
                f"--shape {spec.name}=1x3x224x224"
            )
        shape = (None,) * len(given)
    return Input(spec.name, spec.dtype or _DTYPE, shape)


def _of_examples(
    backend: Backend, specs: Sequence[TensorSpec], arrays: Arrays, refused: Exception
) -> Arrays:
    """Return inputs of the same shapes with the elements of an example that the model takes."""
    signature = warm_up(backend)[0] if _has_shapes(specs) else backend.signature
    values = {spec.name: spec.values for spec in signature.inputs}
    made: Arrays = []
    for spec, array in zip(specs, arrays, strict=True):
        elements = values.get(spec.name) or (0,)
        filled = np.empty_like(array)
        for index, value in enumerate(map(python_value, elements)):
            filled.flat[index :: len(elements)] = value
        made.append(filled)
    try:
        backend.infer(made)
    except (InputError, ModelError):
        raise ProfileError(
            f"the model refuses generated inputs: {refused}; give inputs as for grpst call, "
            "after the model"
        ) from refused
    return made


def _has_shapes(specs: Sequence[TensorSpec]) -> bool:
    return all(spec.dtype is not None and spec.shape is not None for spec in specs)
