"""What tests of the engines' profilers share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from grps.backends.operators import Recording, record
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig

EXPLAINED = 0.95
_ATTEMPTS = 5
"""Other load on the machine takes time between operators, and never within the profiler's sums."""


def recorded(engine: str, path: Path, inputs: Sequence[np.ndarray], runs: int = 3) -> Recording:
    """Record a model until its operators explain its time, some times at most."""
    # The threads of a process can't be changed once another test has run a model.
    per_run = ENGINES[engine].threads == "per_run"
    config = ModelConfig(
        name="m",
        version="1",
        inferer_type=engine,
        inferer_path=str(path),
        device="cpu",
        inferer_args={"intra_op_threads": 1} if per_run else None,
    )
    found = record(config, inputs, runs)
    for _ in range(_ATTEMPTS - 1):
        if found.explained >= EXPLAINED:
            break
        found = record(config, inputs, runs)
    return found
