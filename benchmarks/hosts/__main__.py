"""Models on several hosts: what a chain costs, and what happens when a host fails.

``python -m benchmarks.hosts`` needs root, since hosts are network namespaces of this machine: the
network itself adds nothing. ``--only chain`` measures one thing.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.hosts import cluster, ray_serve
from benchmarks.hosts.network import Hosts, address, connected
from benchmarks.hosts.services import (
    ECHO,
    PORT,
    Figures,
    begin,
    finish,
    load,
    remote,
    serving,
    sleeper,
)

TEXT = ["--text", "hello"]
LARGE_ELEMENTS = 150_000  # 600 KB of float32


def tell(what: str, found: Figures, more: str = "") -> None:
    """Print a line of a measurement."""
    latencies = " ".join(f"p{share} {found.percentiles[share]:.2f} ms" for share in ("50", "99"))
    failed = f", {found.failed} failed {found.errors}" if found.failed else ""
    print(f"{what:34} {found.rate:8,.0f}/s  {latencies}{failed}{more}", flush=True)


def chain(hosts: Hosts, folder: Path, seconds: float) -> None:
    """A model on another host, called directly and through a front."""
    times = ["--duration", str(seconds)]
    large = folder / "large.npy"
    np.save(large, np.zeros((1, LARGE_ELEMENTS), np.float32))
    grpc = ["--protocol", "grpc", "--model", "m", f"input=@{large}"]
    with (
        serving(hosts, 2, folder / "worker", {"models": [ECHO]}) as worker,
        serving(hosts, 1, folder / "front", remote(2)) as front,
    ):
        for name, service, port in (("direct", worker, PORT), ("through a front", front, PORT)):
            for label, options in (("alone", ["-c", "1"]), ("32 clients", ["-c", "32"])):
                found = load(hosts, service.url, [*TEXT, *options, *times], folder)
                tell(f"{name}, {label}", found)
            of_grpc = f"{address(service.host)}:{port + 1}"
            tell(f"{name}, 600 KB", load(hosts, of_grpc, [*grpc, "-c", "1", *times], folder))


def ray(hosts: Hosts, folder: Path, seconds: float) -> None:
    """The rate of a chain beside two deployments of Ray Serve behind HAProxy."""
    times = ["-c", "32", "--duration", str(seconds)]
    with (
        serving(hosts, 2, folder / "worker", {"models": [ECHO]}),
        serving(hosts, 1, folder / "front", remote(2)) as front,
    ):
        ours = load(hosts, front.url, [*TEXT, *times], folder)
    tell("GRPS, 32 clients", ours)
    body = folder / "requests.jsonl"
    body.write_text(json.dumps({"str_data": "hello"}) + "\n")
    with ray_serve.serving(hosts, 1, 2) as url:
        raw = ["--input", str(body), "--method", "POST"]
        theirs = load(hosts, f"{url}/predict", [*raw, *times], folder)
    tell("Ray Serve, 32 clients", theirs, f"; GRPS: {ours.rate / theirs.rate:.1f}x")


def slow(hosts: Hosts, folder: Path, seconds: float) -> None:
    """One of two replicas ten times slower than the other."""
    options = [*TEXT, "--rate", "400", "--duration", str(seconds)]
    measured = []
    for name, second in (("both equal", 5.0), ("one ten times slower", 50.0)):
        own = folder / name.split()[0]
        with (
            serving(hosts, 2, own / "fast", {"models": [sleeper(5.0)]}),
            serving(hosts, 3, own / "other", {"models": [sleeper(second)]}),
            serving(hosts, 1, own / "front", remote(2, 3)) as front,
        ):
            measured.append(load(hosts, front.url, options, folder))
    ratio = measured[1].percentiles["99"] / measured[0].percentiles["99"]
    tell("both equal", measured[0])
    tell("one ten times slower", measured[1], f"; p99: {ratio:.2f}x")


def refusing(hosts: Hosts, folder: Path, seconds: float) -> None:
    """Both replicas refuse what is more than their limits."""
    limits = {"max_concurrency": 2, "limits": {"max_queue": 2}}
    models = {"models": [sleeper(20.0, 2)]}
    options = [*TEXT, "--rate", "2000", "--duration", str(seconds), "--warmup", "0"]
    with (
        serving(hosts, 2, folder / "first", models, limits) as first,
        serving(hosts, 3, folder / "second", models, limits) as second,
        serving(hosts, 1, folder / "front", remote(2, 3)) as front,
    ):
        found = load(hosts, front.url, options, folder)
        calls = front.metric("grps_remote_requests_total")
        retries = front.metric("grps_remote_retries_total")
        del first, second
    tell("2,000/s for 200/s", found, f"; {retries:.0f} retries of {calls:.0f} calls")


def cable(hosts: Hosts, folder: Path, seconds: float) -> None:
    """The cable of one of two replicas is pulled under load."""
    options = [*TEXT, "-c", "8", "--duration", str(seconds)]
    with (
        serving(hosts, 2, folder / "first", {"models": [ECHO]}),
        serving(hosts, 3, folder / "second", {"models": [ECHO]}),
        serving(hosts, 1, folder / "front", remote(2, 3)) as front,
    ):
        running = begin(hosts, front.url, options, folder)
        time.sleep(seconds / 2)
        hosts.unplug(3)
        found = finish(running, folder)
        hosts.plug(3)
    tell(
        "cable pulled",
        found,
        f"; of {found.succeeded + found.failed:,}, the last after {found.failed_after_s:.2f} s",
    )


def changes(hosts: Hosts, folder: Path, seconds: float) -> None:
    """What a deployment does under load with open streams: failures by kind of change."""
    for found in cluster.changes(hosts, folder, seconds):
        print(found, flush=True)


MEASURED: Mapping[str, Callable[[Hosts, Path, float], None]] = {
    "chain": chain,
    "ray": ray,
    "slow": slow,
    "refusing": refusing,
    "cable": cable,
    "changes": changes,
}


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hosts", description=__doc__)
    parser.add_argument("--seconds", type=float, default=5, help="length of one measurement")
    parser.add_argument("--only", choices=list(MEASURED), help="one measurement")
    arguments: Any = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("hosts are made by root")
    for name, measure in MEASURED.items():
        if arguments.only in (None, name):
            print(f"\n{name}: {(measure.__doc__ or '').splitlines()[0]}", flush=True)
            with tempfile.TemporaryDirectory(dir="/var/tmp") as scratch, connected(3) as hosts:
                measure(hosts, Path(scratch), arguments.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
