"""Load generators that are programs of their own: ``grpst perf``, k6, vegeta and bombardier.

All but the first are built from the modules that ``go/go.mod`` pins. They count latency from the
time at which a request is sent, with enough connections that none waits for another.
"""

from __future__ import annotations

import base64
import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load import grpst
from grps.perf import Request
from tools.programs.golang import built

SHARES = (50, 90, 95, 99)
MOST_OPEN = 1000
"""Requests that may be open at once."""
_MODULES = Path(__file__).with_name("go")
_SCRIPT = Path(__file__).with_name("k6.js")
_TIMEOUT = "30s"
_NANOS_PER_MS, _MICROS_PER_MS = 1e6, 1e3


@dataclass(frozen=True, slots=True)
class Figures:
    """What a load generator has measured.

    Attributes:
        tool: The load generator.
        ms: Percentiles of the latency by ``SHARES``.
        max_ms: The longest latency.
        requests: How many were sent.
        failed: How many of them failed.
    """

    tool: str
    ms: tuple[float, ...]
    max_ms: float
    requests: int
    failed: int


def vegeta(base: str, requests: Sequence[Request], rate: int, seconds: float) -> Figures:
    """Send requests in turn at a constant rate by vegeta.

    Args:
        base: The server, such as ``http://127.0.0.1:7080``.
        requests: What is sent.
        rate: Requests per second.
        seconds: For how long.
    """
    program = str(built("vegeta", _MODULES, "github.com/tsenart/vegeta/v12"))
    with tempfile.TemporaryDirectory() as name:
        targets, results = Path(name) / "targets", Path(name) / "results"
        targets.write_text("".join(_target(base, one) for one in requests))
        _run(
            *(program, "attack", "-format=json", f"-targets={targets}", f"-output={results}"),
            *(f"-rate={rate}", f"-duration={seconds}s", f"-timeout={_TIMEOUT}"),
            *("-workers=64", f"-max-workers={MOST_OPEN}"),
        )
        told = json.loads(_run(program, "report", "-type=json", str(results)))
    latencies = told["latencies"]
    return Figures(
        tool="vegeta",
        ms=tuple(latencies[f"{share}th"] / _NANOS_PER_MS for share in SHARES),
        max_ms=latencies["max"] / _NANOS_PER_MS,
        requests=told["requests"],
        failed=round(told["requests"] * (1 - told["success"])),
    )


def _target(base: str, request: Request) -> str:
    plain = _plain(base, request)
    header = {name: [value] for name, value in plain.pop("headers").items()}
    return json.dumps(plain | {"header": header}) + "\n"


def _plain(base: str, request: Request) -> dict[str, Any]:
    """Return what JSON holds of a request."""
    body = base64.b64encode(request.body).decode()
    url, headers = base + request.path, dict(request.headers)
    return {"method": request.method, "url": url, "headers": headers, "body": body}


def k6(
    base: str, requests: Sequence[Request], rate: int, seconds: float, users: int = MOST_OPEN
) -> Figures:
    """Send requests in turn at a constant rate by k6.

    Args:
        base: The server, such as ``http://127.0.0.1:7080``.
        requests: What is sent.
        rate: Requests per second.
        seconds: For how long.
        users: Virtual users of k6: more than there are open requests at any time.
    """
    program = str(built("k6", _MODULES, "go.k6.io/k6"))
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "requests.json"
        file.write_text(json.dumps([_plain(base, one) for one in requests]))
        variables = {"REQUESTS": file, "SHARES": json.dumps(SHARES), "RATE": rate}
        variables |= {"SECONDS": seconds, "USERS": users, "TIMEOUT": _TIMEOUT}
        given = [f"--env={key}={value}" for key, value in variables.items()]
        flags = ("--quiet", "--no-usage-report", "--log-output=none", "--address=127.0.0.1:0")
        told = json.loads(_run(program, "run", *flags, *given, str(_SCRIPT)))
    return Figures("k6", tuple(told["ms"]), told["max_ms"], told["requests"], told["failed"])


def bombardier(url: str, rate: int, seconds: float, connections: int) -> Figures:
    """Send GET requests at a constant rate by bombardier.

    Args:
        url: Where to.
        rate: Requests per second.
        seconds: For how long.
        connections: More than there are open requests at any time.
    """
    program = str(built("bombardier", _MODULES, "github.com/codesenberg/bombardier"))
    told = json.loads(
        _run(
            *(program, "--latencies", "--print=result", "--format=json"),
            *(f"--connections={connections}", f"--timeout={_TIMEOUT}", f"--rate={rate}"),
            *(f"--requests={round(rate * seconds)}", url),
        )
    )["result"]
    latency = told["latency"]
    counts = [told[f"req{kind}xx"] for kind in range(1, 6)]
    return Figures(
        tool="bombardier",
        ms=tuple(latency["percentiles"][str(share)] / _MICROS_PER_MS for share in SHARES),
        max_ms=latency["max"] / _MICROS_PER_MS,
        requests=sum(counts) + told["others"],
        failed=sum(counts) - counts[1] + told["others"],
    )


def grpst_perf(url: str, seconds: float, *load: str) -> Figures:
    """Send GET requests by ``grpst perf``.

    Args:
        url: Where to.
        seconds: For how long, after the warm-up.
        load: The flags that say when.
    """
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "result.json"
        flags = ("--duration", str(seconds), "--json", str(file))
        _run(grpst(), "perf", url, *load, *flags)
        [told] = json.loads(file.read_text())["loads"]
    latency, counts = told["latency_ms"], told["requests"]
    failed = counts["failed"] + counts["not_sent"]
    return Figures(
        tool="grpst perf",
        ms=tuple(latency["percentiles"][str(share)] for share in SHARES),
        max_ms=latency["max"],
        requests=counts["succeeded"] + failed,
        failed=failed,
    )


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr}")
    return done.stdout
