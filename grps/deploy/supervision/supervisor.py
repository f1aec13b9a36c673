"""Starts the server process of a service and watches it until it is ready."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from grps.deploy.paths import ServiceFolder, check_writable
from grps.deploy.supervision.exits import describe_exit, exit_code_of, recording
from grps.deploy.supervision.interrupts import interrupted_by_sigterm, noted_signals
from grps.deploy.supervision.lock import hold
from grps.deploy.supervision.ports import check_ports
from grps.deploy.supervision.services import inspect
from grps.errors import DeployError
from grps.server.configuration import load_server
from grps.server.output_file import OUTPUT_LIMIT_BYTES, former
from grps.server.state import ServiceState

POLL_S = 0.05
EXIT_GRACE_S = 10.0
"""How long a server that failed or was given up may take to exit by itself."""
TAIL_LINES = 12
TAIL_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a start has come."""

    phase: str
    detail: str
    elapsed_s: float


OnProgress = Callable[[Progress], None]


def server_command(folder: ServiceFolder) -> list[str]:
    """Return the command that runs the server of a service."""
    project = ["--project", str(folder.root), "--state_file", str(folder.state)]
    return [sys.executable, "-m", "grps.server", *project]


def project_command(folder: ServiceFolder, project: Path, python: str) -> list[str]:
    """Return the command that serves a project which is not the service folder itself.

    Args:
        folder: Holds the effective configuration, state and logs.
        project: Holds the code and data; the server's working folder.
        python: The interpreter.
    """
    command = [python, "-m", "grps.server", "--project", str(project)]
    return [*command, "--service", str(folder.root), "--state_file", str(folder.state)]


@contextmanager
def claim(folder: ServiceFolder) -> Iterator[None]:
    """Hold a service that does not run: no other process may write its folder or start it.

    ``stop`` ends the block by SIGTERM.

    Raises:
        DeployError: It runs, or another command is at it.
        HomeError: Its folder can't be written.
    """
    with hold(folder.name), interrupted_by_sigterm():
        service = inspect(folder)
        if service.running and service.state is not None:
            raise DeployError(
                f"service {folder.name!r} already runs (pid {service.state.pid}, "
                f"{service.status}); stop it with: grpst stop {folder.name}, "
                "or choose another --name"
            )
        check_writable(folder)
        yield


def prepare(folder: ServiceFolder) -> None:
    """Check the ports and clear what an earlier run left. Call it inside ``claim``.

    Raises:
        ConfigError: ``server.yml`` is wrong.
        DeployError: A port is taken.
    """
    interface = load_server(folder.server_conf).interface
    check_ports(interface.host, interface.ports)
    folder.state.unlink(missing_ok=True)
    folder.exit_code.unlink(missing_ok=True)
    folder.state.parent.mkdir(parents=True, exist_ok=True)


def start(
    folder: ServiceFolder,
    *,
    timeout_s: float,
    on_progress: OnProgress,
    command: Sequence[str] | None = None,
) -> ServiceState:
    """Start the service in the background and wait until it is ready. Call it inside ``claim``.

    Args:
        folder: A folder whose configuration is written.
        timeout_s: How long it may take to become ready.
        on_progress: Called about twenty times a second while waiting.
        command: What to run instead of the server.

    Raises:
        ConfigError: ``server.yml`` is wrong.
        DeployError: A port is taken, or the server died, failed or took too long. The server has
            been ended then.
    """
    prepare(folder)
    folder.output.parent.mkdir(parents=True, exist_ok=True)
    if folder.output.exists() and folder.output.stat().st_size > OUTPUT_LIMIT_BYTES:
        folder.output.replace(former(folder.output))
    with noted_signals() as give_up_if_asked:
        process, offset = _launch(folder, command)
        try:
            give_up_if_asked()
            report = _asking(on_progress, give_up_if_asked)
            state = _wait_ready(process, folder, timeout_s, report, offset)
            give_up_if_asked()
        except BaseException:
            given_up = process.poll() is None
            _end(process, folder)
            left = ServiceState.read(folder.state)
            if given_up and left is not None and left.phase != "failed":
                folder.state.unlink(missing_ok=True)
            raise
    # Should it end while this process still runs, it must not stay a zombie.
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()
    return state


def _launch(
    folder: ServiceFolder, command: Sequence[str] | None
) -> tuple[subprocess.Popen[bytes], int]:
    """Start the server's process; also return where its output begins."""
    with folder.output.open("ab") as output:
        offset = output.tell()
        wanted = command if command is not None else server_command(folder)
        process = subprocess.Popen(
            recording(wanted, folder.exit_code),
            cwd=folder.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return process, offset


def _asking(on_progress: OnProgress, ask: Callable[[], None]) -> OnProgress:
    """Return ``on_progress`` with a question behind it whether to give up."""

    def report(progress: Progress) -> None:
        on_progress(progress)
        ask()

    return report


def _wait_ready(
    process: subprocess.Popen[bytes],
    folder: ServiceFolder,
    timeout_s: float,
    on_progress: OnProgress,
    offset: int,
) -> ServiceState:
    began = time.monotonic()
    progress = Progress("starting", "starting the server process", 0.0)
    while True:
        exited = process.poll() is not None
        state = ServiceState.read(folder.state)
        elapsed_s = time.monotonic() - began
        if state is not None:
            progress = Progress(state.phase, state.detail, elapsed_s)
            if state.phase == "failed":
                raise _failure(process, folder, state, offset)
            if state.phase == "ready" and not exited:
                return state
        if exited:
            raise _failure(process, folder, state, offset)
        progress = Progress(progress.phase, progress.detail, elapsed_s)
        on_progress(progress)
        if elapsed_s >= timeout_s:
            where = f"{progress.phase}: {progress.detail}" if progress.detail else progress.phase
            raise DeployError(
                f"service {folder.name!r} was not ready after {timeout_s:g} s (last at {where}) "
                f"and was stopped; give it longer with --timeout, "
                f"or read the logs in {folder.log_dir}"
            )
        time.sleep(POLL_S)


def _failure(
    process: subprocess.Popen[bytes],
    folder: ServiceFolder,
    state: ServiceState | None,
    offset: int,
) -> DeployError:
    error = DeployError(_cause(process, folder, state, offset))
    if state is not None and state.docs:
        error.docs = state.docs
    return error


def _cause(
    process: subprocess.Popen[bytes],
    folder: ServiceFolder,
    state: ServiceState | None,
    offset: int,
) -> str:
    """Say why the server is not there: its own words, else its exit and its last output."""
    if state is not None and state.error:
        return f"service {folder.name!r} failed to start: {state.error} (log: {folder.log_dir})"
    with suppress(subprocess.TimeoutExpired):
        process.wait(EXIT_GRACE_S)
    lines = last_lines(folder.output, offset)
    shown = "".join(f"\n  {line}" for line in lines)
    during = f" while {state.detail or state.phase}" if state is not None else ""
    how = describe_exit(exit_code_of(process.returncode))
    return f"service {folder.name!r} {how}{during}; its last output:{shown or ' (none)'}"


def last_lines(path: Path, offset: int) -> list[str]:
    """Return the last non-empty lines written to ``path`` after ``offset``."""
    with path.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(max(offset, size - TAIL_BYTES))
        text = stream.read().decode("utf-8", "replace")
    return [line.rstrip() for line in text.splitlines() if line.strip()][-TAIL_LINES:]


def _end(process: subprocess.Popen[bytes], folder: ServiceFolder) -> None:
    """End a server that did not become ready, together with its workers."""
    with suppress(psutil.Error):
        for server in _servers(process):
            server.terminate()
    try:
        process.wait(EXIT_GRACE_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        folder.exit_code.unlink(missing_ok=True)


def _servers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the server: what the shell runs, or the process itself without one."""
    found = psutil.Process(process.pid)
    return found.children() or [found]
