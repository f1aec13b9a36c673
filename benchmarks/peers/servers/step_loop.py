"""The mock engine of W6 as GRPS runs it, in a loop without a server."""

import sys

from benchmarks.peers import chats, paths
from benchmarks.peers.api import Endpoint, Launch

VENV, PACKAGES, LOCAL = None, ["numpy"], True


def launch(workload: str) -> Launch | None:
    """Return the command."""
    if workload != "W6":
        return None
    env = {"BENCH_TICKS": str(chats.mock_files()), "BENCH_TOKENS": str(chats.TOKENS)}
    return Launch([sys.executable, str(paths.APPS / "step_loop_app.py")], env)


def endpoints(workload: str) -> list[Endpoint]:
    """None: there is no server."""
    return []
