"""Loaded copies of models."""

from __future__ import annotations

from dataclasses import dataclass

from grps.backends.backend import Signature
from grps.inference.runner import Runner


@dataclass(frozen=True, slots=True)
class LoadedCopy:
    """One loaded and warm copy of a model."""

    runners: tuple[Runner, ...]
    """One per thread that runs it; the same object may stand here several times."""
    signature: Signature | None = None
    """Inputs and outputs; ``None`` when user code decides."""
    grows: bool = False
    """Whether more threads may run it while requests wait: user code may wait for others."""
