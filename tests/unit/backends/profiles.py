"""What tests of the engines' profilers share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grps.backends.operators import Recording, record
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.profile import Options, Profile, profile_model

EXPLAINED = 0.95
_ATTEMPTS = 5
"""Other load on the machine takes time between operators."""


def recorded(engine: str, path: Path, inputs: Sequence[np.ndarray], runs: int = 3) -> Recording:
    """Record some runs of a model."""
    return record(_config(engine, path), inputs, runs)


def profiled(engine: str, path: Path, array: np.ndarray) -> Profile:
    """Profile a model of one input until its operators explain its time, some times at most."""
    options = Options(
        given=lambda signature: array, budget_s=0.4, max_batch=0, threads=False, machine=False
    )
    found = profile_model(_config(engine, path), options)
    for _ in range(_ATTEMPTS - 1):
        if found.explained >= EXPLAINED:
            break
        found = profile_model(_config(engine, path), options)
    return found


def _config(engine: str, path: Path) -> ModelConfig:
    # The threads of a process can't be changed once another test has run a model.
    per_run = ENGINES[engine].threads == "per_run"
    return ModelConfig(
        name="m",
        version="1",
        inferer_type=engine,
        inferer_path=str(path),
        device="cpu",
        inferer_args={"intra_op_threads": 1} if per_run else None,
    )
