"""Services on hosts, and load on them from the first host."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.hosts.network import Hosts, address
from benchmarks.load import STOP_TIMEOUT_S, grpst, wait_until_ready, write_project
from benchmarks.workloads import USER_CODE
from grps.server.state import ServiceState

PORT = 7080
ECHO = {"name": "m", "version": "1.0.0", "inferer_type": "identity"}
MOST_AT_ONCE = 1024
"""``max_concurrency`` of services."""


def sleeper(milliseconds: float, threads: int = 16, **keys: Any) -> dict[str, Any]:
    """Return a model of user code that waits for so long."""
    return {
        "name": "m",
        "version": "1.0.0",
        "inferer_type": "customized",
        "inferer_name": "sleeper",
        "inferer_args": {"sleep_s": milliseconds / 1e3},
        "instances": threads,
        "max_threads": threads,
        **keys,
    }


def remote(*workers: int) -> dict[str, Any]:
    """Return the configuration of a front whose model runs on these hosts."""
    addresses = [f"{address(worker)}:{PORT}" for worker in workers]
    return {
        "services": [
            {"name": "workers", "endpoints": {"source": "static", "addresses": addresses}}
        ],
        "models": [{"name": "m", "version": "1.0.0", "remote": {"service": "workers"}}],
    }


@dataclass(frozen=True, slots=True)
class Service:
    """A service that runs on a host."""

    hosts: Hosts
    host: int
    state: ServiceState

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{address(self.host)}:{PORT}"

    def processor_s(self) -> float:
        """Return the processor time that it has used."""
        used = psutil.Process(self.state.pid).cpu_times()
        return float(used.user + used.system)

    def get(self, path: str) -> str:
        """Return what it answers on its own host."""
        return self.hosts.run(self.host, ["curl", "--silent", "--fail", f"{self.url}{path}"])

    def metric(self, name: str) -> float:
        """Return the sum of the samples of a metric."""
        lines = self.get("/metrics").splitlines()
        return sum(float(one.rsplit(" ", 1)[1]) for one in lines if one.startswith(f"{name}{{"))


@contextmanager
def serving(
    hosts: Hosts,
    host: int,
    folder: Path,
    inference: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
) -> Iterator[Service]:
    """Serve a project on a host until the block ends."""
    interface = {"framework": "http+grpc", "host": address(host), "port": f"{PORT},{PORT + 1}"}
    server = {"interface": interface, "max_concurrency": MOST_AT_ONCE} | dict(settings or {})
    write_project(folder, USER_CODE, inference, server)
    state_file = folder / "state.json"
    command = [sys.executable, "-m", "grps.server", "--project", str(folder)]
    process = hosts.start(host, [*command, "--state_file", str(state_file)])
    try:
        yield Service(hosts, host, wait_until_ready(process, state_file))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_TIMEOUT_S)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a load gave."""

    rate: float
    succeeded: int
    failed: int
    percentiles: Mapping[str, float]
    """Milliseconds of the requests that succeeded."""
    failed_after_s: float
    """The longest time until a request had failed."""
    errors: Sequence[str]


def load(hosts: Hosts, url: str, options: Sequence[str], scratch: Path) -> Figures:
    """Load a server from host 1 by ``grpst perf``."""
    return finish(begin(hosts, url, options, scratch), scratch)


def begin(hosts: Hosts, url: str, options: Sequence[str], scratch: Path) -> subprocess.Popen[bytes]:
    """Begin a load; ``finish`` awaits it."""
    command = [grpst(), "perf", url, *options]
    return hosts.start(
        1, [*command, "--json", str(scratch / "load.json")], stdout=subprocess.DEVNULL
    )


def finish(process: subprocess.Popen[bytes], scratch: Path) -> Figures:
    """Return what a load gave once it has ended."""
    if process.wait() != 0:
        raise RuntimeError("the load generator failed")
    [found] = json.loads((scratch / "load.json").read_text())["loads"]
    latency, lost = found["latency_ms"], found["failed_latency_ms"]
    return Figures(
        rate=found["requests_per_s"],
        succeeded=found["requests"]["succeeded"],
        failed=found["requests"]["failed"],
        percentiles=latency["percentiles"] if latency else {},
        failed_after_s=lost["max"] / 1e3 if lost else 0.0,
        errors=[f"{one['count']} x {one['status']}" for one in found["errors"]],
    )
