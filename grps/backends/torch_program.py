"""A loaded PyTorch model, whichever of the file formats it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from grps.backends.base import Signature


@dataclass(frozen=True, slots=True)
class Program:
    """Something that maps tensors to a result of tensors."""

    call: Callable[..., object]
    """Takes the inputs of the signature as positional arguments."""
    signature: Signature
    device: str
    """Where inputs go unless the user says otherwise."""
    shared: frozenset[int] = frozenset()
    """Addresses of the storages of weights and state."""
    scalars: frozenset[int] = frozenset()
    """Inputs that are passed as Python numbers."""
    casts: dict[int, torch.dtype] | None = None
    """Element types the wire lacks, for the inputs that want them."""


def storage_addresses(tensors: Iterable[torch.Tensor]) -> frozenset[int]:
    """Return the addresses of the storages of ``tensors``."""
    return frozenset(
        tensor.untyped_storage().data_ptr() for tensor in tensors if tensor.layout is torch.strided
    )
