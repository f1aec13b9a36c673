"""Signatures out of what native code describes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.signature import check_inputs

Described = Sequence[tuple[str, str | None, Sequence[int | None] | None]]
"""Name, element type and dimensions of tensors, ``None`` for what the model does not report."""


def signature_of(
    inputs: Described,
    outputs: Described,
    device: str | None = None,
    required: int | None = None,
    *,
    has_names: bool = True,
) -> Signature:
    """Return a signature.

    Args:
        inputs: What the model takes.
        outputs: What it returns.
        device: Where it runs.
        required: How many of the inputs a request must have; all when ``None``.
        has_names: Whether clients must call the inputs by their names.

    Raises:
        ModelError: There are more inputs than a request can hold.
    """
    specs = tuple(
        spec if required is None or index < required else replace(spec, required=False)
        for index, spec in enumerate(_specs(inputs))
    )
    signature = Signature(specs, _specs(outputs), strict_names=has_names, device=device)
    check_inputs(signature)
    return signature


def _specs(described: Described) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name, dtype, None if shape is None else tuple(shape))
        for name, dtype, shape in described
    )
