"""Keeps Ray running on this machine: ``python -m grps.cluster.ray.keeper FOLDER ...``.

The rest of the command line is that of ``ray start``. Ray's control plane is started again when it
dies; the other processes go on meanwhile. If the host's own process dies, all of Ray is started
again. SIGTERM ends everything.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from grps.cluster.policy.backoff import backoff_s
from grps.errors import DeployError
from grps.server.files import write_atomically

PR_SET_CHILD_SUBREAPER = 36
CONTROL_PLANE, HOST = "gcs_server", "raylet"
LOOK_S = 0.2
END_S = 8.0
STEADY_S = 60.0


class Keeper:
    """Ray's processes on this machine."""

    def __init__(self, folder: Path, arguments: Sequence[str]) -> None:
        """Prepare.

        Args:
            folder: Gets the address of the control plane, when it runs.
            arguments: Of ``ray start``.
        """
        self._folder = folder
        self._arguments = arguments
        self._ended = threading.Event()

    def end(self) -> None:
        """Let ``run`` end everything; safe in a signal handler."""
        self._ended.set()

    def run(self) -> int:
        """Keep Ray running until ``end`` is called; return an exit code."""
        failures = 0
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                self._start()
                self._watch()
            except DeployError as error:
                _say(f"{error}")
                if not (self._folder / "ray.address").exists():
                    return 1  # it never ran: whoever waits for it should know
            finally:
                end_children()
            failures = 1 if time.monotonic() - began > STEADY_S else failures + 1
            self._ended.wait(backoff_s(failures))
        return 0

    def _start(self) -> None:
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *self._arguments]
        code = subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
        if code != 0:
            raise DeployError(f"ray start ended with code {code}")
        host = _child(HOST)
        marks = [word for word in host.cmdline() if word.startswith("--gcs-address=")]
        if not marks:
            raise DeployError("ray start has not said where its control plane is")
        address = marks[0].partition("=")[2]
        write_atomically(self._folder / "ray.address", address.encode())

    def _watch(self) -> None:
        """Start the control plane again when it dies; return when the host's process has."""
        control, host = _child(CONTROL_PLANE), _child(HOST)
        command, environment, cwd = control.cmdline(), control.environ(), control.cwd()
        failures, since = 0, time.monotonic()
        while not self._ended.wait(LOOK_S):
            _reap()
            if not _runs(host):
                _say("the process of this host has ended; Ray is started again")
                return
            if _runs(control):
                continue
            failures = 1 if time.monotonic() - since > STEADY_S else failures + 1
            _say("the control plane has ended and is started again")
            self._ended.wait(backoff_s(failures))
            process = subprocess.Popen(command, env=environment, cwd=cwd, stdin=subprocess.DEVNULL)
            control, since = psutil.Process(process.pid), time.monotonic()


def _child(name: str) -> psutil.Process:
    for one in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if one.name() == name:
                return one
    raise DeployError(f"ray start has left no process called {name}")


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _reap() -> None:
    """Collect the processes that have ended; those of ``ray start`` are this one's children."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] > 0:
            pass


def end_children() -> None:
    """End all processes below this one, the youngest kindly."""
    children = psutil.Process().children(recursive=True)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for one in children:
            with suppress(psutil.Error):
                one.send_signal(number)
        _, children = psutil.wait_procs(children, timeout=END_S)
        _reap()
        if not children:
            return


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main() -> int:
    """Keep Ray running until SIGTERM."""
    # What ray start leaves behind becomes a child of this process.
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    keeper = Keeper(Path(sys.argv[1]), sys.argv[2:])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: keeper.end())
    return keeper.run()


if __name__ == "__main__":
    sys.exit(main())
