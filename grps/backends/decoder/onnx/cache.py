"""The keys and values of one sequence, which grow with it."""

from __future__ import annotations

import numpy as np

from grps.backends.decoder.onnx.graph import Graph

_BLOCK = 64
"""Positions that the memory grows by, at least."""


class ArrayCache:
    """The keys and values of one sequence, of all layers."""

    def __init__(self, graph: Graph, context_length: int) -> None:
        """Make an empty one.

        Args:
            graph: What takes it.
            context_length: Most positions.
        """
        self._graph = graph
        self._context_length = context_length
        self.memory = self._empty(0)
        """``[layers * 2, heads, positions, size]``, in the order of the names of the graph."""

    @property
    def bytes(self) -> int:
        """Return the memory that it takes."""
        return self.memory.nbytes

    def reserve(self, length: int) -> None:
        """Make room for so many positions in all. What is there stays."""
        capacity = self.memory.shape[2]
        if length <= capacity:
            return
        blocks = -(-max(length, capacity + capacity // 4) // _BLOCK)
        memory = self._empty(max(length, min(blocks * _BLOCK, self._context_length)))
        memory[:, :, :capacity] = self.memory
        self.memory = memory

    def _empty(self, capacity: int) -> np.ndarray:
        graph = self._graph
        return np.empty((graph.layers * 2, graph.heads, capacity, graph.head_size), graph.dtype)
