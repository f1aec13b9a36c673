"""Environment variables that engines read when they load or first run.

A variable that is set keeps its value.
"""

from __future__ import annotations

import os

from grps.backends.table import ENGINES


def prepare_environment() -> None:
    """Set what the engines declare; call it before a framework is imported."""
    for engine in ENGINES.values():
        for name, value in engine.environment.items():
            os.environ.setdefault(name, value)


def suggest_threads(engine: str, count: int) -> None:
    """Set the number of threads that all runs of an engine share in this process."""
    variable = ENGINES[engine].threads_variable
    if variable is not None:
        os.environ.setdefault(variable, str(count))
