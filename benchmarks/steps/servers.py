"""The servers that are compared, each with the mock model."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.load import processor_s, serving_models
from benchmarks.peers.paths import venv_python

APPS = Path(__file__).with_name("apps")
ROOT = Path(__file__).resolve().parents[2]
GRPS_PATH = "/grps/v1/infer/predict?streaming=true"
START_TIMEOUT_S = 90
STOP_TIMEOUT_S = 3
STATIC_WAIT_US = 200_000
"""How long static batching waits for a full batch."""
SETTINGS = {"max_concurrency": 10_000, "max_connections": 10_000, "limits": {"max_queue": 10_000}}


@dataclass(frozen=True, slots=True)
class Mock:
    """The mock model."""

    slots: int
    """Sequences at once."""
    step_ms: float
    """What each step takes."""
    row_us: float
    """What each row of a step takes besides."""
    busy: bool
    """Whether the time is spent busy instead of asleep."""

    def arguments(self) -> dict[str, Any]:
        """Return what the mock of a server is told."""
        return {"step_ms": self.step_ms, "row_us": self.row_us, "busy": self.busy}

    def step_s(self, rows: int) -> float:
        """Return what a step takes."""
        return self.step_ms / 1e3 + rows * self.row_us / 1e6


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    port: int
    pid: int
    path: str
    """Where its requests go."""

    def processor_s(self) -> float:
        """Return the processor time of its process tree so far."""
        return processor_s(self.pid)


class Absent(Exception):
    """A server can't be run on this machine; the text says why."""


@contextmanager
def _grps(
    mock: Mock, inferer: str, batching: Mapping[str, Any], isolation: str = "thread"
) -> Iterator[Server]:
    model: dict[str, Any] = {
        "name": "mock",
        "version": "1",
        "device": "cpu",
        "inferer_type": "customized",
        "inferer_name": inferer,
        "inferer_args": mock.arguments(),
        "isolation": isolation,
        "batching": {"max_batch_size": mock.slots, **batching},
    }
    if inferer == "steps":
        model["converter_type"] = "numpy"
    else:
        # One batch at a time, as on one accelerator.
        model["max_threads"] = 1
    code = (APPS / "grps_mock.py").read_text()
    with (
        tempfile.TemporaryDirectory() as name,
        serving_models(Path(name) / "project", code, [model], SETTINGS) as state,
    ):
        yield Server(state.ports[0], state.pid, GRPS_PATH)


@contextmanager
def _litserve(mock: Mock, *, fast_queue: bool) -> Iterator[Server]:
    python = venv_python("litserve")
    if not python.exists():
        raise Absent(f"{python} is absent; make it with: benchmarks/peers/setup.sh litserve")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    arguments = {**mock.arguments(), "slots": mock.slots, "fast_queue": fast_queue}
    command = [str(python), "-m", "benchmarks.steps.apps.litserve_mock", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, json.dumps(arguments)], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            _wait_for(port, process)
            yield Server(port, process.pid, "/predict")
        finally:
            _end_tree(process)


def _end_tree(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers, which do not all end with it."""
    started = psutil.Process(process.pid)
    tree = [started, *started.children(recursive=True)] if started.is_running() else []
    process.terminate()
    _, left = psutil.wait_procs(tree, STOP_TIMEOUT_S)
    for one in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise Absent("LitServe did not start")


SERVERS: dict[str, Callable[[Mock], AbstractContextManager[Server]]] = {
    "continuous": lambda mock: _grps(mock, "steps", {"type": "continuous"}),
    "continuous-process": lambda mock: _grps(mock, "steps", {"type": "continuous"}, "process"),
    "dynamic": lambda mock: _grps(mock, "whole", {"type": "dynamic"}),
    "static": lambda mock: _grps(
        mock,
        "whole",
        {"type": "dynamic", "wait": "always", "batch_timeout_us": STATIC_WAIT_US},
    ),
    "litserve": lambda mock: _litserve(mock, fast_queue=False),
    "litserve-zmq": lambda mock: _litserve(mock, fast_queue=True),
}
"""What runs each server with the mock model."""
