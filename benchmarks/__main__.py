"""Load a real server over HTTP and report its rate, latency and processor time per request.

Two projects are measured: user code that echoes a text, and user code that takes a float32
image of 588 KiB as JSON. Figures of one machine compare with each other, not with other machines.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml

from grps.server.state import ServiceState

START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
IMAGE_SHAPE = (3, 224, 224)

USER_CODE = """
from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Echo(Plain):
    def infer(self, inp, context):
        return inp


class Mean(Plain):
    def infer(self, inp, context):
        return inp["input"].mean(axis=(2, 3))


inferer_register.register("echo", Echo())
inferer_register.register("mean", Mean())
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A model of user code and the request it is asked with."""

    name: str
    converter_type: str
    body: str


def workloads() -> list[Workload]:
    """Return what is measured."""
    channels, height, width = IMAGE_SHAPE
    row = ",".join(f"{0.0001 * (i * 7919 % 10000):.4f}" for i in range(width))
    plane = ",".join([f"[{row}]"] * height)
    image = ",".join([f"[{plane}]"] * channels)
    return [
        Workload("echo", "none", json.dumps({"str_data": "hello world"})),
        Workload("mean", "numpy", f'{{"ndarray": [[{image}]]}}'),
    ]


@contextmanager
def serving(folder: Path, workload: Workload) -> Iterator[ServiceState]:
    """Serve a workload until the block ends."""
    (folder / "conf").mkdir(parents=True)
    (folder / "src").mkdir()
    for name in ("__init__.py", "customized_converter.py"):
        (folder / "src" / name).touch()
    (folder / "src" / "customized_inferer.py").write_text(USER_CODE)
    model = {"name": workload.name, "version": "1.0.0", "inferer_type": "customized"}
    model |= {"inferer_name": workload.name, "converter_type": workload.converter_type}
    interface = {"framework": "http+grpc", "host": "127.0.0.1", "port": "0,0"}
    (folder / "conf" / "inference.yml").write_text(yaml.safe_dump({"models": [model]}))
    (folder / "conf" / "server.yml").write_text(yaml.safe_dump({"interface": interface}))
    state_file = folder / "state.json"
    command = [sys.executable, "-m", "grps.server", "--project", str(folder)]
    process = subprocess.Popen([*command, "--state_file", str(state_file)])
    try:
        yield _wait_until_ready(process, state_file)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_TIMEOUT_S)


def _wait_until_ready(process: subprocess.Popen[bytes], state_file: Path) -> ServiceState:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        state = ServiceState.read(state_file)
        if state is not None and state.phase == "ready":
            return state
        time.sleep(0.05)
    raise RuntimeError("the server did not become ready")


def _processor_s(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def measure(state: ServiceState, script: Path, connections: int, seconds: int) -> str:
    """Load the server with ``wrk`` and return a line of figures.

    Raises:
        RuntimeError: Requests failed.
    """
    url = f"http://127.0.0.1:{state.ports[0]}/grps/v1/infer/predict"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script)]
    before = _processor_s(state.pid)
    said = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    spent = _processor_s(state.pid) - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"requests failed:\n{said}")
    count = int(_find(r"(\d+) requests in", said))
    latency = [_find(rf"^ +{share}% +(\S+)", said) for share in (50, 99)]
    rate = float(_find(r"Requests/sec:\s+(\S+)", said))
    return (
        f"{connections:>11}  {rate:>10,.0f}  {latency[0]:>9}  {latency[1]:>9}"
        f"  {spent / count * 1e3:>10.3f}"
    )


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk did not say {pattern!r}:\n{text}")
    return found[1]


def main() -> int:
    """Measure every workload; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="length of one measurement")
    parser.add_argument("--connections", default="1,8,32", help="comma list")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed; on Debian: apt-get install wrk")
    for workload in workloads():
        print(f"\n{workload.name}: {len(workload.body):,} bytes of JSON")
        print("connections       req/s        p50        p99  CPU ms/req", flush=True)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            script = folder / "request.lua"
            script.write_text(
                'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
                f"wrk.body = [==[{workload.body}]==]\n"
            )
            with serving(folder / "project", workload) as state:
                for connections in map(int, arguments.connections.split(",")):
                    print(measure(state, script, connections, arguments.seconds), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
