"""LitServe's OpenAISpec, one worker; W6."""

from benchmarks.peers import chats, paths
from benchmarks.peers.api import Endpoint, Launch

VENV, PACKAGES, PORT = "litserve", ["litserve", "uvicorn", "fastapi"], 9160


def launch(workload: str) -> Launch | None:
    """Return the command."""
    if workload != "W6":
        return None
    return Launch(["python", str(paths.APPS / "litserve_app.py"), str(PORT)])


def endpoints(workload: str) -> list[Endpoint]:
    """A chat."""
    return [chats.mock_endpoint(PORT)]
