"""mosec: one worker process per route; raw body, JSON, SSE."""

from benchmarks.peers import paths
from benchmarks.peers import workloads as w
from benchmarks.peers.api import Endpoint, Launch

VENV, PACKAGES, PORT = "mosec", ["mosec", "onnxruntime", "numpy"], 9030


def launch(workload: str) -> Launch | None:
    """Return the command."""
    if workload not in w.MODEL_NAME:
        return None
    command = ["python", str(paths.APPS / "mosec_app.py"), "--address", "127.0.0.1"]
    command += ["--port", str(PORT), "--log-level", "error"]
    return Launch([*command, "--timeout", "20000", "--capacity", "4096"])


def endpoints(workload: str) -> list[Endpoint]:
    """Raw and JSON."""
    return w.plain_endpoints(workload, PORT)
