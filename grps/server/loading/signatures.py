"""Signatures out of what native code describes."""

from __future__ import annotations

from collections.abc import Sequence

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.signature import check_inputs

Described = Sequence[tuple[str, str | None, Sequence[int | None] | None]]
"""Name, element type and dimensions of tensors, ``None`` for what the model does not report."""


def signature_of(inputs: Described, outputs: Described, device: str | None = None) -> Signature:
    """Return a signature whose names count.

    Raises:
        ModelError: There are more inputs than a request can hold.
    """
    signature = Signature(_specs(inputs), _specs(outputs), strict_names=True, device=device)
    check_inputs(signature)
    return signature


def _specs(described: Described) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name, dtype, None if shape is None else tuple(shape))
        for name, dtype, shape in described
    )
