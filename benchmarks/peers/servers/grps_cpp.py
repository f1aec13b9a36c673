"""grps-server, GRPS without Python, with user code in C++: a plugin in place of the functions."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.peers import paths
from benchmarks.peers import workloads as w
from benchmarks.peers.api import Endpoint, Launch, Skip
from benchmarks.peers.servers import grps

VENV, PACKAGES, PORT = grps.VENV, grps.PACKAGES, grps.PORT

SOURCE = Path(__file__).parents[1] / "apps" / "bench_plugin.cc"
SDK = Path(__file__).parents[3] / "sdk" / "cpp" / "include"


def launch(workload: str) -> Launch:
    """Build the plugin, write a project and return the command that serves it."""
    if workload not in ("W1", "W2", "W5"):
        raise Skip("W1, W2 and W5 have user code")
    name = w.MODEL_NAME[workload]
    served = {"name": name, "version": "1.0.0", "inferer_type": "plugin", "inferer_name": name}
    model = {**served, "inferer_path": str(build())}
    return grps.serve("grps_cpp", model, has_python=False)


def build() -> Path:
    """Compile the plugin and return its path."""
    if shutil.which("c++") is None:
        raise Skip("no C++ compiler (c++)")
    library = paths.TMP / "libbench_plugin.so"
    library.parent.mkdir(parents=True, exist_ok=True)
    options = ["-std=c++17", "-O3", "-shared", "-fPIC", f"-I{SDK}"]
    subprocess.run(["c++", *options, str(SOURCE), "-o", str(library)], check=True)
    return library


def endpoints(workload: str) -> list[Endpoint]:
    """GRPC and HTTP of GRPS and of the Open Inference Protocol; an HTTP stream for W5."""
    return grps.endpoints(workload)
