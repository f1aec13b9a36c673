"""Dimensions of metrics."""

from __future__ import annotations


class Dimension:
    """A name and a value that a metric is told apart by."""

    def __init__(self, name: str, value: object) -> None:
        """Make a dimension."""
        self.name = name
        self.value = value

    def __str__(self) -> str:
        """Return it as TorchServe's log has it."""
        return f"{self.name}:{self.value}"
