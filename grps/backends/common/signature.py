"""Signatures as plain data, for model metadata."""

from __future__ import annotations

from typing import Any

from grps.backends.backend import Signature, TensorSpec


def describe(signature: Signature) -> dict[str, list[dict[str, Any]]]:
    """Return ``signature`` as data that any text format can hold.

    Each tensor has ``name``, ``dtype`` and ``shape``; -1 is a dynamic dimension, and ``None``
    stands for a type or shape the model does not report. An optional input also has
    ``optional: True``.
    """
    return {
        "inputs": [_tensor(spec) for spec in signature.inputs],
        "outputs": [_tensor(spec) for spec in signature.outputs],
    }


def can_be_batched(signature: Signature) -> bool | None:
    """Return whether requests can be joined by rows; ``None`` when the model does not report it."""
    specs = [*signature.inputs, *signature.outputs]
    shapes = [spec.shape for spec in specs if spec.required]
    if any(shape is not None and (not shape or shape[0] is not None) for shape in shapes):
        return False
    is_declared = bool(signature.inputs) and not signature.open_ended
    return True if is_declared and None not in shapes else None


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    shape = None
    if spec.shape is not None:
        shape = [-1 if dim is None else dim for dim in spec.shape]
    tensor: dict[str, Any] = {"name": spec.name, "dtype": spec.dtype, "shape": shape}
    if not spec.required:
        tensor["optional"] = True
    return tensor
