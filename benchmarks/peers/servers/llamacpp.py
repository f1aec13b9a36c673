"""llama-server inside xllamacpp, with the real model; W6-gguf."""

from benchmarks.peers import chats, paths
from benchmarks.peers.api import Endpoint, Launch

VENV, PACKAGES, PORT = "llamacpp", ["xllamacpp"], 9170


def launch(workload: str) -> Launch | None:
    """Return the command."""
    if workload != "W6-gguf":
        return None
    app = paths.APPS / "llamacpp_app.py"
    return Launch(["python", str(app), str(chats.gguf_path()), str(PORT)])


def endpoints(workload: str) -> list[Endpoint]:
    """A chat."""
    return [chats.gguf_endpoint(PORT)]
