"""Closed-loop load generators: wrk (HTTP), h2load (gRPC), streamload.py (streams)."""

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.peers import paths
from benchmarks.peers.api import Endpoint

Row = dict[str, Any]

LUA = """
wrk.method = "%(method)s"
local f = io.open("%(body)s", "rb"); wrk.body = f:read("*a"); f:close()
%(headers)s
done = function(s, l, r)
  io.write(string.format(
    'JSON{"n":%%d,"us":%%d,"p50":%%d,"p90":%%d,"p99":%%d,"max":%%d,' ..
    '"errors":[%%d,%%d,%%d,%%d,%%d]}\\n',
    s.requests, s.duration,
    l:percentile(50), l:percentile(90), l:percentile(99), l.max,
    s.errors.connect, s.errors.read, s.errors.write, s.errors.status,
    s.errors.timeout))
end
"""


def pin_prefix(pin: bool, cpu: int) -> list[str]:
    """Return the taskset prefix when pinning is wanted."""
    return ["taskset", "-c", str(cpu)] if pin else []


def run_wrk(endpoint: Endpoint, conc: int, seconds: int, tmp: Path, pin: bool) -> Row:
    """Load an HTTP/1.1 endpoint with wrk."""
    body, script = tmp / "body", tmp / "wrk.lua"
    body.write_bytes(endpoint.body)
    headers = "\n".join(
        f'wrk.headers["{key}"] = "{value}"' for key, value in endpoint.headers.items()
    )
    script.write_text(LUA % {"method": endpoint.method, "body": body, "headers": headers})
    done = subprocess.run(
        [
            *pin_prefix(pin, 1),
            "wrk",
            "-t1",
            f"-c{conc}",
            f"-d{seconds}s",
            "--timeout",
            "20s",
            "-s",
            str(script),
            f"http://127.0.0.1:{endpoint.port}{endpoint.path}",
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    match = re.search(r"JSON(\{.*\})", done.stdout)
    if not match:
        return {"error": (done.stdout + done.stderr)[-300:]}
    out = json.loads(match[1])
    elapsed = out["us"] / 1e6
    row: Row = {key: out[key] / 1e3 for key in ("p50", "p90", "p99", "max")}
    row.update(n=out["n"], rps=out["n"] / elapsed, elapsed=elapsed)
    row["errors"] = sum(out["errors"])
    return row


def read_h2load_log(log: Path) -> tuple[list[int], int]:
    """Return the sorted latencies (us) of good requests, and the count of others."""
    good: list[int] = []
    bad = 0
    with contextlib.suppress(OSError):
        for line in log.read_text().splitlines():
            _, status, micros = line.split("\t")
            if status == "200":
                good.append(int(micros))
            else:
                bad += 1
    return sorted(good), bad


def run_h2load(
    endpoint: Endpoint, conc: int, seconds: int, tmp: Path, pin: bool, answer: int
) -> Row:
    """Load a gRPC endpoint with h2load: `conc` connections, one stream each."""
    body, log = tmp / "body", tmp / "h2load.log"
    body.write_bytes(endpoint.body)
    log.unlink(missing_ok=True)
    done = subprocess.run(
        [
            *pin_prefix(pin, 1),
            "h2load",
            "-t1",
            f"-c{conc}",
            "-m1",
            "-D",
            str(seconds),
            "-d",
            str(body),
            "-H",
            "content-type: application/grpc",
            "-H",
            "te: trailers",
            f"--log-file={log}",
            f"http://127.0.0.1:{endpoint.port}{endpoint.path}",
        ],
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    good, bad = read_h2load_log(log)
    if not good:
        return {"error": (done.stdout + done.stderr)[-300:]}

    def quantile(q: float) -> float:
        return good[min(len(good) - 1, int(q * len(good)))] / 1e3

    row: Row = {"p50": quantile(0.5), "p90": quantile(0.9), "p99": quantile(0.99)}
    row.update(max=good[-1] / 1e3, n=len(good), rps=len(good) / seconds)
    counts = re.search(r"(\d+) failed, (\d+) errored, (\d+) timeout", done.stdout)
    row["errors"] = bad + (int(counts[2]) + int(counts[3]) if counts else 0)
    row["elapsed"] = seconds
    flag_short_answers(row, done.stdout, answer)
    return row


def flag_short_answers(row: Row, h2load_output: str, answer: int) -> None:
    """GRPC errors come as HTTP 200 without data: compare the answered bytes."""
    data = re.search(r"traffic:.*headers.*?\((\d+)\) data", h2load_output)
    if not data or not answer:
        return
    per_request = int(data[1]) / row["n"]
    if per_request < 0.97 * (answer + 5):
        row["errors"] = row["n"]
        row["error"] = f"answer bytes {per_request:.0f} < {answer + 5}"


def run_stream(endpoint: Endpoint, conc: int, seconds: int, pin: bool) -> Row:
    """Load a streaming endpoint with streamload.py."""
    config = {
        "port": endpoint.port,
        "path": endpoint.path,
        "method": endpoint.method,
        "body": endpoint.body.hex(),
        "headers": endpoint.headers,
        "marker": endpoint.marker.decode(),
        "want": endpoint.want,
        "conc": conc,
        "seconds": seconds,
    }
    script = paths.ROOT / "streamload.py"
    done = subprocess.run(
        [*pin_prefix(pin, 1), sys.executable, os.fspath(script)],
        input=json.dumps(config),
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
    )
    try:
        row: Row = json.loads(done.stdout)
    except ValueError:
        return {"error": (done.stdout + done.stderr)[-300:]}
    return row


def run(
    endpoint: Endpoint,
    conc: int,
    seconds: int,
    tmp: Path,
    pin: bool,
    answer: int = 0,
) -> Row:
    """Load one endpoint; return n, rps, latencies in ms and errors."""
    if endpoint.kind == "http":
        return run_wrk(endpoint, conc, seconds, tmp, pin)
    if endpoint.kind == "grpc":
        return run_h2load(endpoint, conc, seconds, tmp, pin, answer)
    return run_stream(endpoint, conc, seconds, pin)
