"""What an engine reports of its installation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Probe:
    """What an engine reports of its installation."""

    version: str
    devices: tuple[str, ...]
    """In the words of ``device``; for ONNX Runtime those that its build can use."""
    detail: str = ""
    """What else may help to find out why something is slow or missing."""
    trouble: str = ""
    """What does not work, and what to do."""


def cuda_devices(count: int) -> tuple[str, ...]:
    """Return the names of the first ``count`` GPUs."""
    return tuple(f"cuda:{index}" for index in range(count))
