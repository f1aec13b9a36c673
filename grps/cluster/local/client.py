"""Starts and reaches the director of this machine."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from multiprocessing.connection import Client
from pathlib import Path

import psutil

from grps.cluster.local.process import MOST_BYTES, SOCKET
from grps.errors import DeployError

START_S = 20.0
STOP_S = 10.0
POLL_S = 0.05
MODULE = "grps.cluster.local.process"
LOG, PID = "director.log", "director.pid"


class LocalConnection:
    """A connection to the director's socket."""

    def __init__(self, folder: Path) -> None:
        """Connect.

        Raises:
            DeployError: No director runs.
        """
        # A path of any length: the address of a socket has at most 107 bytes.
        number = os.open(folder, os.O_PATH) if folder.is_dir() else -1
        try:
            if number < 0:
                raise FileNotFoundError(folder)
            self._connection = Client(f"/proc/self/fd/{number}/{SOCKET}", "AF_UNIX")
        except OSError as error:
            raise DeployError(
                "the director of this machine does not run; start it with: "
                "grpst cluster up --local (its replicas, which run on, are found again)"
            ) from error
        finally:
            if number >= 0:
                os.close(number)

    def send(self, request: bytes, chunk: bytes = b"") -> bytes:
        """Send a request and return the reply."""
        try:
            self._connection.send_bytes(request)
            self._connection.send_bytes(chunk)
            return self._connection.recv_bytes(MOST_BYTES)
        except (OSError, EOFError) as error:
            raise DeployError(f"the director has ended: {error}") from error

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


def start_director(folder: Path) -> int:
    """Start the director of this machine, unless it runs; return its process.

    Raises:
        DeployError: It did not start.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = director_process(folder)
        if running is not None:
            return running.pid
        (folder / SOCKET).unlink(missing_ok=True)
        with (folder / LOG).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-m", MODULE, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        created = psutil.Process(process.pid).create_time()
        (folder / PID).write_text(f"{process.pid} {created}")
        deadline = time.monotonic() + START_S
        while not (folder / SOCKET).exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                raise DeployError(f"the director did not start; read {folder / LOG}")
            time.sleep(POLL_S)
    # Should it end while this process still runs, it must not stay a zombie.
    threading.Thread(target=process.wait, name="reap", daemon=True).start()
    return process.pid


def director_process(folder: Path) -> psutil.Process | None:
    """Return the process of the director, if it runs."""
    try:
        pid, created = (folder / PID).read_text().split()
        process = psutil.Process(int(pid))
        is_same = abs(process.create_time() - float(created)) < 1
        is_there = process.status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, psutil.Error):
        return None
    return process if is_same and is_there else None


def stop_director(folder: Path) -> None:
    """End the director; its replicas run on."""
    process = director_process(folder)
    if process is None:
        return
    with suppress(psutil.NoSuchProcess):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except psutil.TimeoutExpired:
            process.kill()
