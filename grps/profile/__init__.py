"""Where a model spends its time: operators, user code, curves, memory, and this machine's limits.

``profile_model`` profiles a model file and ``profile_user_code`` the Python code of a project;
``grpst profile`` is a front of them, and so may other tools be.
"""

from grps.profile.curves import Curve, Point, Timing, doubling, measure_curve, time_runs
from grps.profile.errors import ProfileError
from grps.profile.machine import Machine, Roof, measure_machine
from grps.profile.memory import Memory
from grps.profile.model import Options, profile_model
from grps.profile.result import Measured, Profile
from grps.profile.sampling import Sampler, Samples
from grps.profile.user_code import UserProfile, profile_user_code

__all__ = [
    "Curve",
    "Machine",
    "Measured",
    "Memory",
    "Options",
    "Point",
    "Profile",
    "ProfileError",
    "Roof",
    "Sampler",
    "Samples",
    "Timing",
    "UserProfile",
    "doubling",
    "measure_curve",
    "measure_machine",
    "profile_model",
    "profile_user_code",
    "time_runs",
]
