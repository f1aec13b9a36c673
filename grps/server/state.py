"""The state of a server process: the contract between the server and the tool.

The server writes ``run/state.json`` in its service folder whenever its phase changes; the tool
reads it while it waits for a start, lists services and stops them.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from grps.errors import DeployError
from grps.server.files import write_atomically

Phase = Literal["starting", "loading", "warming", "ready", "draining", "stopped", "failed"]
CLOCK_SLACK_S = 2.0
"""Two readings of one process's start may differ by this much when the clock is set."""


@dataclass(frozen=True, slots=True)
class ServiceState:
    """One moment in the life of a server process."""

    pid: int
    create_time: float
    """``psutil.Process.create_time`` of ``pid``, so that a reused pid is not mistaken for it."""
    phase: Phase
    detail: str
    """A line for people, such as ``loading model vad-1.0.0 (1 of 2)``."""
    error: str | None
    """One-line cause when the phase is ``failed``."""
    ports: tuple[int, ...]
    """Ports listened on: HTTP, then RPC."""
    started_at: float
    """Seconds since the epoch."""
    deploy_path: str
    """The service folder."""
    host: str = "127.0.0.1"
    """The address at which this machine reaches it."""
    unix_socket: str = ""
    """Where the tool reaches it, if its ports take TLS or the PROXY protocol."""
    tls: bool = False
    """Whether its ports take TLS."""
    native: bool = False
    """Whether the process runs without Python."""
    docs: str = ""
    """The page about the cause when the phase is ``failed``, if it is known."""

    @classmethod
    def of_this_process(
        cls,
        deploy_path: Path,
        phase: Phase = "starting",
        detail: str = "",
        ports: tuple[int, ...] = (),
    ) -> ServiceState:
        """Return a first state for the process that calls; change it with ``replace``."""
        return cls(
            pid=os.getpid(),
            create_time=psutil.Process().create_time(),
            phase=phase,
            detail=detail,
            error=None,
            ports=ports,
            started_at=time.time(),
            deploy_path=str(deploy_path),
        )

    @classmethod
    def read(cls, path: Path) -> ServiceState | None:
        """Read the state file; ``None`` when there is none.

        Raises:
            DeployError: The file is there but is not a state.
        """
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            return msgspec.json.decode(data, type=cls)
        except msgspec.DecodeError as error:
            raise DeployError(f"{path}: not a service state ({error}); delete the file") from error

    def write(self, path: Path) -> None:
        """Write the state file atomically, making its folder if needed."""
        write_atomically(path, msgspec.json.encode(self) + b"\n")


def alive(state: ServiceState) -> bool:
    """Return whether the process that wrote the state still runs."""
    try:
        process = psutil.Process(state.pid)
        same = abs(process.create_time() - state.create_time) < CLOCK_SLACK_S
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except (psutil.NoSuchProcess, ValueError):
        return False


def variables_of(state: ServiceState) -> dict[str, str]:
    """Return the environment that the process was started with; empty if it can't be read."""
    try:
        return psutil.Process(state.pid).environ()
    except psutil.Error:
        return {}


def is_suspended(state: ServiceState) -> bool:
    """Return whether the process was stopped by a signal and could go on."""
    try:
        return bool(psutil.Process(state.pid).status() == psutil.STATUS_STOPPED)
    except psutil.Error:
        return False
