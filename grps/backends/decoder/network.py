"""What the scheduler needs of a decoder's network, whatever computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Cache(Protocol):
    """The keys and values of one sequence, which grow with it."""

    @property
    def bytes(self) -> int:
        """The memory that it takes."""


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens of a sequence that are next to each other."""

    cache: Cache
    """Has the positions before them, and gets theirs. It is one of the network that reads them."""
    tokens: Sequence[int]
    start: int
    """The position of the first."""
    adapter: str | None = None
    """The change of the weights that computes the sequence."""


class Network(Protocol):
    """A network that is loaded. One thread calls it.

    What it computes for a sequence does not depend on the other spans, up to the rounding of sums.
    If a call raises, it can be made again: a cache has the same positions before its span.
    """

    def new_cache(self) -> Cache:
        """Return the cache of a sequence that begins."""

    def read(self, spans: Sequence[Span]) -> object:
        """Read tokens into the caches of their sequences, at least one of each."""

    def next_logits(self, spans: Sequence[Span]) -> np.ndarray:
        """Read tokens, and return the logits of what follows each span.

        Returns:
            ``[spans, vocabulary]``, float32.
        """


class NetworkFiles(Protocol):
    """The files of a network, of which only the sizes were read."""

    @property
    def vocabulary(self) -> int:
        """How many logits there are."""

    @property
    def weights_bytes(self) -> int:
        """The memory that the weights take."""

    @property
    def position_bytes(self) -> int:
        """Bytes of the keys and values of one position."""

    @property
    def context_length(self) -> int:
        """Most positions that the network was made for."""

    def free_bytes(self) -> int:
        """Return how much memory is free where it is loaded."""

    def load(self, context_length: int) -> Network:
        """Load the network.

        Args:
            context_length: Most positions of a sequence.

        Raises:
            ModelError: The files are wrong.
        """
