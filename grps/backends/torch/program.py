"""A loaded PyTorch model, whichever of the file formats it came from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch

from grps.backends.backend import Signature
from grps.errors import ModelError


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
    """Element types the wire lacks, for the inputs that need them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What is done to a model as it is loaded."""

    channels_last: bool = False
    """Whether the weights of convolutions lie in memory with their channels last."""
    compile_mode: str | None = None
    """The mode of ``torch.compile``; not compiled when ``None``."""

    def arrange(self, module: torch.nn.Module) -> None:
        """Bring a module's weights into order, where they are kept from then on."""
        if self.channels_last:
            module.to(memory_format=torch.channels_last)

    def refuse_compiling(self, what: str) -> None:
        """Refuse to compile what can't be.

        Raises:
            ModelError: It was asked for.
        """
        if self.compile_mode is not None:
            raise ModelError(
                f"inferer_args: compile: {what}; export the model with torch.export.save, or "
                "leave compile out"
            )


def storage_addresses(tensors: Iterable[torch.Tensor]) -> frozenset[int]:
    """Return the addresses of the storages of ``tensors``."""
    return frozenset(
        tensor.untyped_storage().data_ptr() for tensor in tensors if tensor.layout is torch.strided
    )
