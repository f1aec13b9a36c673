"""A deployment of ``grpst cluster`` that changes, and whose processes are killed, under load."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from benchmarks.hosts.network import Hosts
from benchmarks.hosts.services import (
    ECHO,
    MOST_AT_ONCE,
    PORT,
    Figures,
    begin,
    finish,
    serving,
)
from benchmarks.load import LOOPBACK, grpst, write_project
from benchmarks.workloads import USER_CODE, user_model
from grps.cluster.known import cluster_folder
from grps.cluster.local.client import director_process

HOST = 1
NAME = "workers"
SPEAKER = user_model("s", "stream", inferer_args={"pause_s": 0.05}, instances=16, max_threads=16)
CHUNKS = "40"
_WAIT_S = 60


class Cluster:
    """A director on a host, by the tool."""

    def __init__(self, hosts: Hosts, project: Path) -> None:
        """Change the deployment of this project."""
        self._hosts = hosts
        self._project = project

    def tell(self, *words: str) -> str:
        """Run a verb of ``grpst cluster``."""
        return self._hosts.run(HOST, [grpst(), "cluster", *words])

    def deploy(self, version: int, *options: str) -> None:
        """Deploy the project with a setting that makes it another version."""
        file = self._project / "conf" / "server.yml"
        settings = yaml.safe_load(file.read_text()) | {"max_concurrency": 500 + version}
        file.write_text(yaml.safe_dump(settings))
        self.tell("deploy", str(self._project), "--name", NAME, *options)

    def replicas(self) -> list[dict[str, Any]]:
        """Return what the director says of the replicas."""
        [found] = json.loads(self.tell("status", "--json"))["deployments"]
        return list(found["replicas"])

    def kill_a_replica(self) -> None:
        """Kill one, and wait until it is back."""
        name = self.replicas()[0]["name"]
        folder = Path(os.environ["GRPS_HOME"]) / name / "run" / "state.json"
        os.kill(json.loads(folder.read_text())["pid"], signal.SIGKILL)
        began = time.monotonic()
        while time.monotonic() - began < _WAIT_S:
            first = self.replicas()[0]
            if first["restarts"] and first["phase"] == "ready":
                print(f"back after {time.monotonic() - began:.1f} s")
                return
        raise RuntimeError("the replica did not come back")

    def stop_the_director(self) -> None:
        """Kill the director, and start it again after 5 s."""
        director = director_process(cluster_folder())
        if director is None:
            raise RuntimeError("no director runs")
        director.kill()
        time.sleep(5)
        self.tell("up", "--local")


@contextmanager
def running(hosts: Hosts, folder: Path) -> Iterator[Cluster]:
    """Run the deployment until the block ends."""
    models = {"models": [ECHO, SPEAKER]}
    server = LOOPBACK | {"max_concurrency": MOST_AT_ONCE}
    cluster = Cluster(hosts, write_project(folder / "worker", USER_CODE, models, server))
    os.environ["GRPS_HOME"] = str(folder / "home")
    cluster.tell("up", "--local")
    try:
        yield cluster
    finally:
        cluster.tell("down")


def changes(hosts: Hosts, folder: Path, seconds: float) -> Iterator[str]:
    """Make each change while requests and streams run; a line for each."""
    source = {"source": "ray"}
    front = {
        "services": [{"name": NAME, "endpoints": source}],
        "models": [
            {"name": name, "version": "1.0.0", "remote": {"service": NAME}} for name in ("m", "s")
        ],
    }
    # Admin calls of the director need no token from here.
    url = f"http://127.0.0.1:{PORT}"
    local = {"interface": {"framework": "http", "host": "127.0.0.1", "port": str(PORT)}}
    with running(hosts, folder) as cluster:
        cluster.deploy(1, "--replicas", "2", "--cpus", "0.1", "--front", url)
        with serving(hosts, HOST, folder / "front", front, local):
            for name, change in _changes(cluster):
                loaded = _under_load(hosts, url, folder, seconds, change)
                lines = (f"{kind} {_told(found)}" for kind, found in loaded.items())
                yield f"{name}: {'; '.join(lines)}"


def _changes(cluster: Cluster) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "rolling change", lambda: cluster.deploy(2)
    yield "2 to 3 replicas", lambda: cluster.tell("scale", NAME, "3")
    yield "3 to 1 replicas", lambda: cluster.tell("scale", NAME, "1")
    yield "1 to 2 replicas", lambda: cluster.tell("scale", NAME, "2")
    yield "director dead for 5 s", cluster.stop_the_director
    yield "kill -9 of one of two", cluster.kill_a_replica


def _under_load(
    hosts: Hosts, url: str, folder: Path, seconds: float, change: Callable[[], object]
) -> dict[str, Figures]:
    """Run requests and streams from before a change until after it."""
    length = ["--duration", str(max(seconds, 12))]
    loads = {
        "requests": ["--model", "m", "--text", "x", "--rate", "500", *length],
        "streams": ["--model", "s", "--text", CHUNKS, "--stream", "-c", "8", *length],
    }
    running = {}
    for kind, options in loads.items():
        (folder / kind).mkdir(exist_ok=True)
        running[kind] = begin(hosts, url, options, folder / kind)
    time.sleep(2)
    change()
    return {kind: finish(process, folder / kind) for kind, process in running.items()}


def _told(found: Figures) -> str:
    failed = f" {found.errors}" if found.failed else ""
    return f"{found.failed} of {found.succeeded + found.failed:,} failed{failed}"
