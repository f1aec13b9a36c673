"""A service with one model, started for trials in a folder of its own."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil
import yaml

from grps.config.schema import ModelConfig
from grps.deploy.native import server_of
from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.supervisor import server_command, start
from grps.perf import (
    Closed,
    Content,
    Limits,
    Load,
    Measurement,
    Poisson,
    Prepared,
    Target,
    Window,
    make_requests,
    measure,
    probe,
)
from grps.tune.goal import Goal
from grps.tune.load_of_others import Watch, service_cpu_s, serving_cpu_s
from grps.tune.trials.result import Trial

_HOST = "127.0.0.1"
_START_S = 120.0
_END_S = 10.0
_WARM_UP_S = 0.3
_KEPT_SHARE = 0.9
_LEAST_REQUESTS = 100
"""From which on it counts how many of them end in the time of the trial."""
_LEAST_CONNECTIONS, _MOST_OPEN = 64, 4096
_CONNECTIONS = 2
"""For each request that the server runs at once. With one for each open request, a short pause
would make hundreds of new ones, and opening them takes the server longer than the pause."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What all services of one search have in common.

    Attributes:
        goal: What has to hold.
        protocol: Of the requests.
        shapes: Shapes of a request.
        concurrency: ``max_concurrency``.
        seed: Of the inputs.
    """

    goal: Goal
    protocol: str
    shapes: Mapping[str, tuple[int, ...]]
    concurrency: int
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Closely:
    """What requests had that followed each other at once.

    Attributes:
        p50_ms: Their median latency.
        serving_ms: CPU time of each outside of the model: threads that decode and encode, and the
            load generator.
        throughput: Successes per second.
    """

    p50_ms: float
    serving_ms: float
    throughput: float


class TrialService:
    """A running service."""

    def __init__(self, name: str, pid: int, port: int, setting: Setting, model: str) -> None:
        """Prepare requests to it.

        Raises:
            PerfError: They can't be made, or the first one fails.
        """
        self.name = name
        self._pid = pid
        self._setting = setting
        self._target = Target(_HOST, port)
        shapes = {name: tuple(shape) for name, shape in setting.shapes.items()}
        content = Content(batch=1, shapes=shapes, seed=setting.seed)
        self._requests: Prepared = make_requests(
            setting.protocol, self._target, model, content, streaming=False
        )
        probe(self._target, self._requests)

    def at(self, rate: float, seconds: float, seed: int) -> Trial:
        """Send requests at a rate."""
        goal = self._setting.goal
        watch = Watch(names=False)
        before_s = service_cpu_s(self._pid)
        load = Poisson(rate, seed)
        found = self._measured(load, Window(_WARM_UP_S, seconds))
        cpu_s = service_cpu_s(self._pid) - before_s
        value = goal.limit.value(found)
        why = _why(found)
        return Trial(
            name=self.name,
            rate=rate,
            seconds=seconds,
            latency_ms=value,
            p50_ms=found.latency.percentile(50) if found.latency.count else float("inf"),
            throughput=found.throughput,
            cpu_ms=_each(cpu_s, rate * (seconds + _WARM_UP_S)),
            holds=value <= goal.limit_ms and not why,
            others=watch.used().others,
            why=why,
        )

    def stop(self) -> None:
        """Ask the server to end."""
        with suppress(psutil.Error):
            psutil.Process(self._pid).send_signal(signal.SIGTERM)

    def closed(self, concurrency: int, seconds: float) -> Closely:
        """Keep a number of requests open for a while."""
        before_s = serving_cpu_s(self._pid)
        warmup_s = 0.1
        found = self._measured(Closed(concurrency), Window(warmup_s, seconds))
        used_s = serving_cpu_s(self._pid) - before_s + found.cpu_s
        sent = found.succeeded * (1 + warmup_s / seconds)
        return Closely(found.latency.percentile(50), _each(used_s, sent), found.throughput)

    def _measured(self, load: Load, window: Window) -> Measurement:
        setting = self._setting
        limits = Limits(
            timeout_s=_timeout_s(setting.goal),
            max_open=_MOST_OPEN,
            connections=_connections(setting.concurrency),
        )
        found = measure(self._target, self._requests, load, window, limits)
        if found.is_stopped:
            raise KeyboardInterrupt
        return found


def _timeout_s(goal: Goal) -> float:
    """Return how long requests are waited for: beyond the limit they only have to be counted."""
    return max(1.0, goal.limit_ms / 1000 * 3)


def _connections(concurrency: int) -> int:
    return min(max(concurrency * _CONNECTIONS, _LEAST_CONNECTIONS), _MOST_OPEN)


def _each(cpu_s: float, requests: float) -> float:
    return cpu_s * 1000 / max(requests, 1.0)


def _why(found: Measurement) -> str:
    if found.errors:
        error = found.errors[0]
        return f"{found.failed} requests failed: {error.status} {error.text}".strip()
    ended = found.window.succeeded
    if found.total >= _LEAST_REQUESTS and ended < _KEPT_SHARE * found.total:
        return f"{ended} of {found.total} requests ended in the time in which they were sent"
    return ""


@contextmanager
def running(name: str, config: ModelConfig, setting: Setting) -> Iterator[TrialService]:
    """Start a service and end it.

    Args:
        name: What trials call it.
        config: Its model.
        setting: What services have in common.

    Raises:
        GrpsError: It can't be started, or does not answer; the text says why.
    """
    with tempfile.TemporaryDirectory(prefix="grps-tune-", ignore_cleanup_errors=True) as place:
        folder = ServiceFolder("tune", Path(place))
        _write(folder, config, setting)
        command = server_of(folder, folder.root, server_command(folder), "auto")
        state = start(folder, timeout_s=_START_S, on_progress=lambda _: None, command=command)
        try:
            yield TrialService(name, state.pid, state.ports[0], setting, config.key)
        finally:
            _end(state.pid)


def _write(folder: ServiceFolder, config: ModelConfig, setting: Setting) -> None:
    path = Path(config.inferer_path or "").absolute()
    model: dict[str, Any] = msgspec.to_builtins(
        msgspec.structs.replace(config, inferer_path=str(path))
    )
    model = {key: value for key, value in model.items() if value is not None}
    model.pop("remote", None)
    server = {
        "interface": {"framework": "http", "host": _HOST, "port": "0"},
        "max_concurrency": setting.concurrency,
        "limits": {"drain_timeout_ms": 1000},
    }
    folder.inference_conf.parent.mkdir(parents=True)
    folder.inference_conf.write_text(yaml.safe_dump({"models": [model]}), encoding="utf-8")
    folder.server_conf.write_text(yaml.safe_dump(server), encoding="utf-8")


def _end(pid: int) -> None:
    """End a server, its workers, and the shell that runs it and writes its exit code."""
    with suppress(psutil.NoSuchProcess):
        server = psutil.Process(pid)
        workers, shell = server.children(recursive=True), server.parent()
        server.send_signal(signal.SIGTERM)
        _, left = psutil.wait_procs([server], _END_S)
        for process in (*left, *workers):
            with suppress(psutil.Error):
                process.kill()
        if shell is not None and shell.pid != os.getpid():
            psutil.wait_procs([shell], _END_S)
