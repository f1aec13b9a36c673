"""Load tests of a running server: requests of native threads on a schedule, and measurements.

``measure`` runs one load; ``grpst perf`` is a front of it, and so may other tools be.
"""

from grps.perf.errors import PerfError
from grps.perf.load import Closed, Constant, Limits, Load, Poisson, Trace, Window, read_trace
from grps.perf.measurement import Distribution, Ended, ErrorCount, Interval, Measurement
from grps.perf.requests.choice import PROTOCOLS, Content, make_requests
from grps.perf.requests.prepared import Prepared, Request
from grps.perf.running import Progress, measure, probe
from grps.perf.target import Target

__all__ = [
    "PROTOCOLS",
    "Closed",
    "Constant",
    "Content",
    "Distribution",
    "Ended",
    "ErrorCount",
    "Interval",
    "Limits",
    "Load",
    "Measurement",
    "PerfError",
    "Poisson",
    "Prepared",
    "Progress",
    "Request",
    "Target",
    "Trace",
    "Window",
    "make_requests",
    "measure",
    "probe",
    "read_trace",
]
