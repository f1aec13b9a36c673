"""Baseline of W6: uvicorn with a bare ASGI application that sends each token alone."""

from benchmarks.peers import chats
from benchmarks.peers.api import Endpoint, Launch

VENV, PACKAGES, PORT = "uvicorn", ["uvicorn", "httptools", "uvloop"], 9150


def launch(workload: str) -> Launch | None:
    """Return the command."""
    if workload != "W6":
        return None
    command = ["uvicorn", "uvicorn_app:app", "--host", "127.0.0.1", "--port", str(PORT)]
    return Launch([*command, "--lifespan", "off", "--no-access-log", "--log-level", "warning"])


def endpoints(workload: str) -> list[Endpoint]:
    """A chat."""
    return [chats.mock_endpoint(PORT)]
