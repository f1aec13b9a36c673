"""What the runner needs of the engine, so that one loop serves threads and processes alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

NamedArray = tuple[str, np.ndarray]


class Entry(Protocol):
    """One request: its input, and the way to answer it once."""

    @property
    def id(self) -> str:
        """Identifier of the request."""

    def tensors(self) -> list[NamedArray]:
        """Take the input as named arrays in the model's order; they own their memory."""

    def message(self) -> bytes:
        """Take the input as an encoded ``GrpsMessage``."""

    def is_cancelled(self) -> bool:
        """Tell whether the client has left or its deadline has passed."""

    def is_answered(self) -> bool:
        """Tell whether the request was answered."""

    def reply_tensors(self, tensors: Sequence[NamedArray]) -> None:
        """Answer with C-contiguous arrays."""

    def reply_message(self, message: bytes) -> None:
        """Answer with an encoded ``GrpsMessage``."""

    def fail(self, message: str) -> None:
        """Answer that the model or the user's code failed."""

    def refuse(self, message: str) -> None:
        """Answer that the input does not fit."""


class Channel(Protocol):
    """Where an instance pulls its work from."""

    def next(self, most: int) -> Sequence[Entry] | None:
        """Wait, without the GIL, for up to ``most`` requests; ``None`` at the end of service."""

    def detach(self) -> None:
        """Tell that the instance has ended."""
