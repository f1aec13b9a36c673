"""Stops services: the server drains, and is killed when that takes too long."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.lock import hold, starter_of
from grps.deploy.supervision.services import Service, find, inspect
from grps.deploy.supervision.supervisor import EXIT_GRACE_S
from grps.errors import ConfigError, DeployError
from grps.server.configuration import load_server
from grps.server.state import ServiceState, alive

POLL_S = 0.05
SPARE_S = 5.0
"""Added to the server's own drain timeout before it is killed."""
DEFAULT_DRAIN_S = 30.0
KILL_WAIT_S = 10.0
START_END_S = EXIT_GRACE_S + SPARE_S
"""How long a command that starts a service may take to end its server and itself."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a service went."""

    name: str
    pid: int | None
    """``None`` when its process had exited before."""
    killed: bool
    """It did not drain in time."""
    elapsed_s: float
    starter: int | None = None
    """The process that was starting it, and was ended before the service was ready."""


def stop(
    name: str,
    *,
    drain_timeout_s: float | None = None,
    on_wait: Callable[[str, float], None] = lambda detail, elapsed_s: None,
) -> Stopped:
    """Stop a service and wait until its process has exited.

    A start that is in progress is ended first; it takes its server with it.

    Args:
        name: The service.
        drain_timeout_s: How long it may take; by default what ``server.yml`` says and a little.
        on_wait: Called with the server's own words and the seconds so far while waiting.

    Raises:
        DeployError: There is no such service, it does not run, or it can't be signalled.
    """
    began = time.monotonic()
    starter = _end_start(name, on_wait)
    if starter is None:
        find(name)
    with hold(name, "stop"):
        service = inspect(ServiceFolder.of(name))
        state = service.state
        if starter is not None and not service.running:
            service.folder.state.unlink(missing_ok=True)
            return Stopped(name, None, False, time.monotonic() - began, starter)
        if state is None or (not service.running and service.status == "stopped"):
            raise DeployError(f"service {name!r} is not running")
        if not service.running:
            service.folder.state.unlink(missing_ok=True)
            return Stopped(name, None, killed=False, elapsed_s=0.0)
        limit_s = drain_timeout_s if drain_timeout_s is not None else _drain_s(service.folder)
        killed = _end(service, state, limit_s, on_wait)
        service.folder.state.unlink(missing_ok=True)
        return Stopped(name, state.pid, killed, time.monotonic() - began)


def _end_start(name: str, on_wait: Callable[[str, float], None]) -> int | None:
    """End the command that is starting a service and wait for it; return its process."""
    pid = starter_of(name)
    if pid is None or pid == os.getpid():
        return None
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return None
    except PermissionError as error:
        raise DeployError(
            f"pid {pid}, which starts {name!r}, belongs to {_owner(pid)}; stop it as them"
        ) from error
    began = time.monotonic()
    while starter_of(name) == pid:
        elapsed_s = time.monotonic() - began
        if elapsed_s >= START_END_S:
            raise DeployError(f"pid {pid}, which starts {name!r}, does not end; kill it")
        on_wait("ending its start", elapsed_s)
        time.sleep(POLL_S)
    return pid


def _end(
    service: Service, state: ServiceState, limit_s: float, on_wait: Callable[[str, float], None]
) -> bool:
    """End the process; return whether it had to be killed."""
    try:
        process = psutil.Process(state.pid)
        workers = process.children(recursive=True)
        process.terminate()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied as error:
        raise DeployError(
            f"pid {state.pid} belongs to {_owner(state.pid)}; stop it as them"
        ) from error
    began = time.monotonic()
    while alive(state):
        elapsed_s = time.monotonic() - began
        if elapsed_s >= limit_s:
            _kill(process, workers)
            return True
        on_wait(_detail(service.folder), elapsed_s)
        time.sleep(POLL_S)
    return False


def _kill(process: psutil.Process, workers: list[psutil.Process]) -> None:
    everyone = [process, *workers]
    for one in everyone:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    _, left = psutil.wait_procs(everyone, timeout=KILL_WAIT_S)
    if any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in left):
        raise DeployError(f"pid {process.pid} did not die by SIGKILL; it may hang in a driver")


def _owner(pid: int) -> str:
    try:
        return f"user {psutil.Process(pid).username()}"
    except psutil.Error:
        return "another user"


def _detail(folder: ServiceFolder) -> str:
    state = ServiceState.read(folder.state)
    # It has not begun to stop: what it said last is of its start.
    if state is None or state.phase not in ("draining", "stopped"):
        return ""
    return state.detail or state.phase


def _drain_s(folder: ServiceFolder) -> float:
    try:
        drain_s = load_server(folder.server_conf).limits.drain_timeout_ms / 1000
    except ConfigError:
        drain_s = DEFAULT_DRAIN_S
    return drain_s + SPARE_S
