"""Baseline: granian's native RSGI interface, one worker; W1, W2, W5."""

from benchmarks.peers import workloads as w
from benchmarks.peers.api import Endpoint, Launch

VENV, PACKAGES, PORT = "base", ["granian", "numpy"], 9022


def launch(workload: str) -> Launch | None:
    """Return the command."""
    if workload not in ("W1", "W2", "W5"):
        return None
    command = ["granian", "--interface", "rsgi", "--host", "127.0.0.1"]
    command += ["--port", str(PORT), "--workers", "1", "--log-level", "warning"]
    return Launch([*command, "rsgi_app:app"])


def endpoints(workload: str) -> list[Endpoint]:
    """Raw and JSON."""
    return w.plain_endpoints(workload, PORT)
