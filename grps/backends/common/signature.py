"""Signatures as plain data, for model metadata."""

from __future__ import annotations

import dataclasses
from typing import Any

from grps.backends.backend import MOST_INPUTS, BytesValue, Element, Signature, TensorSpec
from grps.errors import ModelError

_MOST_COLUMNS = 1000
"""Most names of columns that are shown."""
_GUESSED = {"string": "text"}
"""What examples are filled with when the model says nothing else; numbers are 1."""


def describe(signature: Signature) -> dict[str, Any]:
    """Return ``signature`` as data that any text format can hold.

    Each tensor has ``name``, ``dtype`` and ``shape``; -1 is a dynamic dimension, and ``None``
    stands for a type or shape the model does not report. An optional input also has
    ``optional: True``, and one that does not take ones or words, or whose dynamic dimensions can't
    all be 1, has an ``example`` of ``shape`` and ``values``: one for all elements, or each. A table
    whose columns have names has them as ``columns``.
    """
    described: dict[str, Any] = {
        "inputs": [_tensor(spec) for spec in signature.inputs],
        "outputs": [_tensor(spec) for spec in signature.outputs],
    }
    if signature.limits:
        described["limits"] = list(signature.limits)
    if signature.open_ended:
        described["open_ended"] = True
    if signature.tried is False:
        described["example_fails"] = True
    return described


def accepted(signature: Signature) -> Signature:
    """Return what requests are checked against: any one tensor, where a table may come."""
    if not signature.as_table:
        return signature
    inputs = tuple(
        TensorSpec(spec.name, required=index == 0) for index, spec in enumerate(signature.inputs)
    )
    return dataclasses.replace(signature, inputs=inputs, strict_names=False)


def check_inputs(signature: Signature) -> None:
    """Check that a request can hold all inputs of a model.

    Raises:
        ModelError: There are too many.
    """
    needed = sum(spec.required for spec in signature.inputs)
    if needed > MOST_INPUTS:
        raise ModelError(
            f"the model has {needed} inputs, but a request holds at most {MOST_INPUTS} tensors; "
            "export it with fewer inputs, such as one table of all columns"
        )


def can_be_batched(signature: Signature) -> bool | None:
    """Return whether requests can be joined by rows; ``None`` when the model does not report it."""
    if fixed_rows(signature) is not None:
        return False
    specs = [*signature.inputs, *signature.outputs]
    is_declared = bool(signature.inputs) and not signature.open_ended
    is_known = all(spec.shape is not None for spec in specs if spec.required)
    return True if is_declared and is_known else None


def fixed_rows(signature: Signature) -> str | None:
    """Return why requests can't be joined by rows; ``None`` when nothing is known against it."""
    if not signature.inputs and not signature.open_ended:
        return "the model has no inputs"
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            if spec.shape == () and spec.required:
                return f"{kind} {spec.name} has no dimensions"
            if spec.shape and spec.required and spec.shape[0] is not None:
                return f"the first dimension of {kind} {spec.name} is fixed to {spec.shape[0]}"
    return None


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    shape = None
    if spec.shape is not None:
        shape = [-1 if dim is None else dim for dim in spec.shape]
    # Clients of GRPS send a bool as a uint8.
    dtype = "uint8" if spec.dtype == "bool" else spec.dtype
    tensor: dict[str, Any] = {"name": spec.name, "dtype": dtype, "shape": shape}
    if not spec.required:
        tensor["optional"] = True
    if (example := _example(spec)) is not None:
        tensor["example"] = example
    if spec.columns is not None and len(spec.columns) <= _MOST_COLUMNS:
        tensor["columns"] = list(spec.columns)
    return tensor


def _example(spec: TensorSpec) -> dict[str, Any] | None:
    """Return the example of an input where it is not what anyone would guess."""
    if spec.example is None or spec.values is None:
        return None
    guessed = tuple(1 if dim is None else dim for dim in spec.shape or ())
    value = _GUESSED.get(spec.dtype or "", 1)
    if spec.example == guessed and set(spec.values) == {value}:
        return None
    return {"shape": list(spec.example), "values": [_plain(spec, value) for value in spec.values]}


def _plain(spec: TensorSpec, value: Element) -> Any:
    if isinstance(value, BytesValue):
        return {"b64": value.b64}
    is_whole = isinstance(value, float) and value.is_integer()
    return int(value) if is_whole and not (spec.dtype or "").startswith("float") else value
