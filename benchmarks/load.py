"""Serving what is measured, and loading it with ``wrk``."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import yaml

from benchmarks.workloads import user_model
from grps.server.state import ServiceState

LOOPBACK = {"interface": {"framework": "http+grpc", "host": "127.0.0.1", "port": "0,0"}}
"""Keys of ``server.yml`` of a service on free ports of this machine."""
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 30
HEADINGS = "connections       req/s        p50        p99  CPU ms/req"


@contextmanager
def serving(
    folder: Path, code: str, model: dict[str, Any], settings: dict[str, Any] | None = None
) -> Iterator[ServiceState]:
    """Serve a model of user code until the block ends.

    Args:
        folder: Where the project is made.
        code: The module that registers the inferer.
        model: Keys of the model besides its name, version and type; ``inferer_name`` names it too.
        settings: Keys of ``server.yml`` besides the interface.
    """
    name = model["inferer_name"]
    with serving_models(folder, code, [user_model(name, name) | model], settings) as state:
        yield state


@contextmanager
def serving_models(
    folder: Path, code: str, models: list[dict[str, Any]], settings: dict[str, Any] | None = None
) -> Iterator[ServiceState]:
    """Serve several models until the block ends; ``models`` as ``inference.yml`` has them."""
    write_project(folder, code, {"models": models}, LOOPBACK | (settings or {}))
    with running_project(folder) as state:
        yield state


@contextmanager
def running_project(folder: Path) -> Iterator[ServiceState]:
    """Serve a project until the block ends."""
    state_file = folder / "state.json"
    command = [sys.executable, "-m", "grps.server", "--project", str(folder)]
    process = subprocess.Popen([*command, "--state_file", str(state_file)])
    try:
        yield wait_until_ready(process, state_file)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_TIMEOUT_S)


def write_project(
    folder: Path, code: str, inference: Mapping[str, Any], server: Mapping[str, Any]
) -> Path:
    """Write a project of user code with its two configuration files; return its folder."""
    (folder / "conf").mkdir(parents=True)
    (folder / "src").mkdir()
    for name in ("__init__.py", "customized_converter.py"):
        (folder / "src" / name).touch()
    (folder / "src" / "customized_inferer.py").write_text(code)
    for file, content in (("inference.yml", inference), ("server.yml", server)):
        (folder / "conf" / file).write_text(yaml.safe_dump(dict(content)))
    return folder


def wait_until_ready(process: subprocess.Popen[bytes], state_file: Path) -> ServiceState:
    """Wait until a server is ready.

    Raises:
        RuntimeError: It has ended, or takes too long.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        state = ServiceState.read(state_file)
        if state is not None and state.phase == "ready":
            return state
        time.sleep(0.05)
    raise RuntimeError("the server did not become ready")


def ask(state: ServiceState, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Return what a service answers as JSON: to a GET, or to a POST of a body."""
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"http://127.0.0.1:{state.ports[0]}/{path}", data), timeout=30) as answer:
        return json.load(answer)


def grpst() -> str:
    """Return the tool."""
    return str(Path(sys.executable).with_name("grpst"))


def processor_s(pid: int) -> float:
    """Return the processor time of a server and its workers so far."""
    server = psutil.Process(pid)
    times = [process.cpu_times() for process in (server, *server.children(recursive=True))]
    return sum(one.user + one.system for one in times)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one measurement gave."""

    rate: float
    """Requests per second."""
    p50: str
    """Median of the latencies, with its unit."""
    p99: str
    cpu_ms: float
    """Processor time of the server per request."""


def write_request(folder: Path, body: str | bytes, content_type: str = "application/json") -> Path:
    """Write the script by which ``wrk`` sends a body."""
    data, script = folder / "request.body", folder / "request.lua"
    data.write_bytes(body.encode() if isinstance(body, str) else body)
    script.write_text(
        f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "{content_type}"\n'
        f'local file = io.open("{data}", "rb")\nwrk.body = file:read("*a")\nfile:close()\n'
    )
    return script


def measure(state: ServiceState, script: Path, connections: int, seconds: int) -> str:
    """Load the server with ``wrk`` and return a line of figures, see ``HEADINGS``.

    Raises:
        RuntimeError: Requests failed.
    """
    figures = load(state, script, connections, seconds)
    return (
        f"{connections:>11}  {figures.rate:>10,.0f}  {figures.p50:>9}  {figures.p99:>9}"
        f"  {figures.cpu_ms:>10.3f}"
    )


def load(
    state: ServiceState, script: Path, connections: int, seconds: int, query: str = ""
) -> Figures:
    """Load the server with ``wrk``.

    Raises:
        RuntimeError: Requests failed.
    """
    url = f"http://127.0.0.1:{state.ports[0]}/grps/v1/infer/predict{query}"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "60s"]
    before = processor_s(state.pid)
    done = subprocess.run(
        [*command, "-s", str(script), url], check=True, capture_output=True, text=True
    )
    said = done.stdout
    spent = processor_s(state.pid) - before
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(f"requests failed:\n{said}")
    count = int(_find(r"(\d+) requests in", said))
    latency = [_find(rf"^ +{share}% +(\S+)", said) for share in (50, 99)]
    rate = float(_find(r"Requests/sec:\s+(\S+)", said))
    return Figures(rate, latency[0], latency[1], spent / count * 1e3)


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"wrk did not say {pattern!r}:\n{text}")
    return found[1]
