"""grps-server, GRPS without Python, with a model in native code."""

from benchmarks.peers import workloads as w
from benchmarks.peers.api import Endpoint, Launch, Skip
from benchmarks.peers.servers import grps

VENV, PACKAGES, PORT = grps.VENV, grps.PACKAGES, grps.PORT


def launch(workload: str) -> Launch:
    """Write a project and return the command that serves it."""
    if workload in ("W3", "W4"):
        served = grps.model(workload)
        served["inferer_args"]["native"] = True
    elif workload == "W1":
        served = {"name": w.MODEL_NAME[workload], "version": "1.0.0", "inferer_type": "identity"}
    else:
        raise Skip("user code; see grps_cpp")
    return grps.serve("grps_native", served, has_python=False)


def endpoints(workload: str) -> list[Endpoint]:
    """GRPC and HTTP, as of models in Python."""
    return grps.endpoints(workload)
