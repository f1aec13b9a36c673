"""The keys and values of one sequence, which grow with it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from grps.backends.decoder.pytorch.architecture import Architecture

_BLOCK = 64
"""Positions that the memory grows by, at least."""


@dataclass(frozen=True, slots=True)
class CacheKind:
    """What the caches of all sequences of a model have in common."""

    architecture: Architecture
    dtype: torch.dtype
    place: torch.device
    context_length: int

    @property
    def position_bytes(self) -> int:
        """Return the bytes of the keys and values of one position."""
        return self.architecture.position_elements * self.dtype.itemsize


class KeyValues:
    """The keys and values of one sequence, of all layers."""

    def __init__(self, kind: CacheKind) -> None:
        """Make an empty one."""
        self._kind = kind
        self._capacity = 0
        self._memory = self._empty(0)

    @property
    def bytes(self) -> int:
        """Return the memory that it takes."""
        return self._capacity * self._kind.position_bytes

    def reserve(self, length: int) -> None:
        """Make room for so many positions in all. What is there stays."""
        if length <= self._capacity:
            return
        wanted = max(length, self._capacity + self._capacity // 4)
        blocks = -(-wanted // _BLOCK)
        capacity = max(length, min(blocks * _BLOCK, self._kind.context_length))
        memory = self._empty(capacity)
        memory[..., : self._capacity, :] = self._memory
        self._memory, self._capacity = memory, capacity

    def write(
        self, layer: int, start: int, keys: torch.Tensor, values: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the positions from ``start`` on; return all up to them, ``[heads, length, size]``.

        Args:
            layer: The layer.
            start: The first position.
            keys: ``[positions, heads, size]``.
            values: The same.
        """
        stop = start + keys.shape[0]
        own = self._memory[layer]
        own[0, :, start:stop] = keys.transpose(0, 1)
        own[1, :, start:stop] = values.transpose(0, 1)
        return own[0, :, :stop], own[1, :, :stop]

    def _empty(self, capacity: int) -> torch.Tensor:
        sizes, kind = self._kind.architecture, self._kind
        shape = (sizes.layers, 2, sizes.kv_heads, capacity, sizes.head_size)
        return torch.empty(shape, dtype=kind.dtype, device=kind.place)
