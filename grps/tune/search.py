"""What is tuned, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.tune.errors import TuneError
from grps.tune.goal import Goal

Report = Callable[[str, str], None]
"""Receives a phase and a line about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search for settings.

    Attributes:
        config: The model as it is configured.
        goal: What is searched for.
        concurrency: ``max_concurrency`` of its server.
        shapes: Shapes of inputs that the model leaves open, by name.
        protocol: Of the requests under load.
        engines: The only engines to try; all that run the model when empty.
        max_time_s: The longest time.
        force: Whether there is a verdict although others use the machine.
        fresh: Whether what an interrupted search has left is measured again.
    """

    config: ModelConfig
    goal: Goal
    concurrency: int = 32
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    protocol: str = "http"
    engines: tuple[str, ...] = ()
    max_time_s: float = 60.0
    force: bool = False
    fresh: bool = False


def check_model(config: ModelConfig) -> None:
    """Check that a model is one that can be tuned.

    Raises:
        TuneError: It is not.
    """
    engine = ENGINES.get(config.inferer_type)
    if engine is None:
        raise TuneError(
            f"model {config.key}: inferer_type {config.inferer_type} can't be tuned; only models "
            "that an engine runs can, as the engine runs alone to measure batches"
        )
    if engine.makes_steps or config.makes_steps:
        raise TuneError(f"model {config.key} makes its output in steps, which can't be tuned")
    if config.converter_type not in (None, engine.converter):
        raise TuneError(
            f"model {config.key}: the converter {config.converter_type} is not measured; tune its "
            f"model with converter_type {engine.converter}"
        )
    batching = config.batching
    if batching is not None and (batching.allowed_sizes or batching.padding):
        raise TuneError(
            f"model {config.key}: batching.allowed_sizes and batching.padding are not simulated; "
            "tune the model without them"
        )
