"""In-process limit loops: numpy, onnxruntime, TorchScript; no server."""

from benchmarks.peers import paths
from benchmarks.peers.api import Endpoint, Launch

VENV, PACKAGES, LOCAL = "base", ["onnxruntime", "torch", "numpy"], True


def launch(workload: str) -> Launch | None:
    """Return the command."""
    if workload not in ("W1", "W2", "W3", "W4"):
        return None
    return Launch(["python", str(paths.APPS / "inproc_app.py")])


def endpoints(workload: str) -> list[Endpoint]:
    """None: there is no server."""
    return []
