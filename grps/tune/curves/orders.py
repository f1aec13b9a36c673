"""What the measuring process is told, and what it replies: a line of JSON each."""

from __future__ import annotations

from typing import Any

import msgspec

from grps.config.schema import ModelConfig
from grps.tune.settings import Variant


class LoadOrder(msgspec.Struct, frozen=True):
    """The first line: what to load."""

    model: dict[str, Any]
    """The configuration of the model."""
    variant: Variant
    shapes: dict[str, tuple[int, ...]]
    """Shapes of inputs, by name, as ``grps.perf`` takes them."""

    @property
    def config(self) -> ModelConfig:
        """The configuration of the model."""
        return msgspec.convert(self.model, ModelConfig)


class Loaded(msgspec.Struct, frozen=True):
    """The reply to it."""

    load_s: float
    shapes: dict[str, tuple[int, ...]]
    """The shapes of a request of one row."""
    most_rows: int | None
    """Most rows of a batch; ``None`` for any."""
    not_joined: str | None
    """Why requests can't share a batch; ``None`` when they can."""


class MeasureOrder(msgspec.Struct, frozen=True):
    """Runs to measure."""

    rows: int
    parallel: int
    seconds: float
    """How long runs are repeated."""
    least_runs: int
    """How often, even if that takes longer."""


class Measured(msgspec.Struct, frozen=True):
    """The reply to them."""

    ms: list[float]
    """How long each run took."""
    cpu_s: float
    """CPU time of all runs."""


class Refused(msgspec.Struct, frozen=True):
    """The reply when something failed."""

    error: str
