"""Searches the settings with which a model serves best within a limit of the latency.

``tune`` measures latencies of batches, simulates the batcher on them, and compares a few settings
under load with a service that is really started; ``grpst tune`` is a front of it.
"""

from grps.tune.errors import BusyMachineError, TuneError
from grps.tune.goal import OBJECTIVES, Goal, read_goal
from grps.tune.outcome import Outcome
from grps.tune.search import Search
from grps.tune.settings import Settings, Variant
from grps.tune.tuning import tune

__all__ = [
    "OBJECTIVES",
    "BusyMachineError",
    "Goal",
    "Outcome",
    "Search",
    "Settings",
    "TuneError",
    "Variant",
    "read_goal",
    "tune",
]
