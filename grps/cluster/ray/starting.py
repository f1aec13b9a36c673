"""Starts Ray on this machine, with a token, storage for its control plane and fast checks."""

from __future__ import annotations

import importlib.util
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from grps.cluster.known import Known, cluster_folder
from grps.errors import DeployError, MissingExtraError

START_S = 120.0
STOP_S = 30.0
POLL_S = 0.1
KEEPER = "grps.cluster.ray.keeper"
ADDRESS, LOG, STORAGE, TOKEN = "ray.address", "ray.log", "ray.storage", "token"
SETTINGS = {
    "RAY_gcs_storage": "rocksdb",
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "300",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Environment of Ray's processes: a lost host is noticed in seconds, and hosts wait for a control
plane that starts again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What Ray gets of this machine."""

    port: int
    num_cpus: int | None = None
    num_gpus: int | None = None

    def arguments(self) -> list[str]:
        """Return the arguments of ``ray start``."""
        words = ["--head", "--port", str(self.port), "--include-dashboard", "false"]
        words += ["--disable-usage-stats"]
        for name, value in (("--num-cpus", self.num_cpus), ("--num-gpus", self.num_gpus)):
            words += [] if value is None else [name, str(value)]
        return words


def require_ray() -> None:
    """Check that Ray is installed, without importing it.

    Raises:
        MissingExtraError: It is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("ray", "ray")


def token_of(given: Path | None, *, make: bool) -> Path | None:
    """Return the file of Ray's token.

    Args:
        given: The file to use; by default that of this machine's cluster.
        make: Make the file if it is missing.

    Returns:
        The file; ``None`` if it is missing and not to be made: Ray then looks for one by itself.

    Raises:
        DeployError: Others may read it, or the given one is missing.
    """
    path = given.absolute() if given is not None else cluster_folder() / TOKEN
    if not path.exists():
        if given is not None and not make:
            raise DeployError(f"{path}: there is no such file")
        if not make:
            return None
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w") as file:
            file.write(secrets.token_hex(32))
    if path.stat().st_mode & 0o077:
        raise DeployError(f"{path}: others may read the token; run: chmod 600 {path}")
    return path


def set_token(token_file: str) -> None:
    """Let Ray in this process use a token; call it before Ray is used."""
    if token_file:
        os.environ["RAY_AUTH_MODE"] = "token"
        os.environ["RAY_AUTH_TOKEN_PATH"] = token_file


def start_ray(
    before: Known | None,
    node: Node,
    token_file: Path | None,
    on_progress: Callable[[str, float], None],
) -> Known:
    """Start Ray on this machine, unless it was started here and runs.

    Args:
        before: The cluster that was noted.
        node: What Ray gets of this machine.
        token_file: The token that it asks for.
        on_progress: Receives what is going on, and the seconds so far.

    Raises:
        DeployError: It did not start.
        MissingExtraError: Ray is not installed.
    """
    require_ray()
    running = keeper_of(before)
    if before is not None and running is not None:
        return before
    folder = cluster_folder()
    (folder / STORAGE).mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / ADDRESS).unlink(missing_ok=True)
    set_token(str(token_file or ""))
    environment = {**os.environ, **SETTINGS, "RAY_gcs_storage_path": str(folder / STORAGE)}
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", KEEPER, str(folder), *node.arguments()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    created = psutil.Process(process.pid).create_time()
    began = time.monotonic()
    while not (folder / ADDRESS).exists():
        elapsed_s = time.monotonic() - began
        on_progress("starting its control plane and this host", elapsed_s)
        if process.poll() is not None or elapsed_s > START_S:
            _end(psutil.Process(process.pid) if process.poll() is None else None)
            raise DeployError(f"Ray did not start{_last_lines(folder / LOG)} (log: {folder / LOG})")
        time.sleep(POLL_S)
    threading.Thread(target=process.wait, name="reap", daemon=True).start()
    return Known(
        kind="ray",
        address=(folder / ADDRESS).read_text(),
        token_file=str(token_file or ""),
        keeper_pid=process.pid,
        keeper_create_time=created,
    )


def keeper_of(known: Known | None) -> psutil.Process | None:
    """Return the process that runs Ray here, if this tool started one and it runs."""
    if known is None or not known.keeper_pid:
        return None
    try:
        process = psutil.Process(known.keeper_pid)
        is_same = abs(process.create_time() - known.keeper_create_time) < 1
        return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def stop_ray(known: Known) -> None:
    """End Ray on this machine if this tool started it, and delete the state of its cluster."""
    process = keeper_of(known)
    if process is None:
        return
    _end(process)
    folder = cluster_folder()
    for path in sorted((folder / STORAGE).rglob("*"), reverse=True):
        with suppress(OSError):
            path.rmdir() if path.is_dir() else path.unlink()


def _end(process: psutil.Process | None) -> None:
    if process is None:
        return
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except psutil.TimeoutExpired:
            for one in [*process.children(recursive=True), process]:
                with suppress(psutil.NoSuchProcess):
                    one.kill()


def _last_lines(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines()]
    shown = "; ".join([line for line in lines if line][-2:])
    return f": {shown}" if shown else ""
