"""A worker process as the server sees it: its start, its loading, and the cause of its exit."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from grps.backends.backend import Signature
from grps.errors import ModelError
from grps.inference.monitor import app_monitor
from grps.server.native import Link
from grps.server.worker.control import (
    Control,
    Failed,
    LevelSet,
    Loaded,
    Logged,
    Message,
    Progress,
    Recorded,
    WorkerSettings,
    write_logged,
)

LAST_LINES = 20
"""Lines of a worker's standard error that are kept for the case of its end."""
SHOWN_LINES = 3
LONGEST_LINE = 400
LONGEST_READ = 64 * 1024
END_TIMEOUT_S = 5.0
EXIT_TIMEOUT_S = 1.0

Report = Callable[[Progress], None]


class WorkerProcess:
    """One worker process."""

    def __init__(self, name: str, settings: WorkerSettings, report: Report) -> None:
        """Start a worker.

        Args:
            name: The instance in logs.
            settings: The model and where it runs.
            report: Receives the progress while it loads.
        """
        self._name = name
        self._report = report
        self._outcome: Loaded | Failed | None = None
        self._answered = threading.Event()
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self.link = Link()
        pipe, note = self.link.worker_descriptors()
        ours, theirs = socket.socketpair()
        descriptors = (pipe, note, theirs.fileno())
        self._process = subprocess.Popen(
            [sys.executable, "-m", "grps.server.worker", *map(str, descriptors)],
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        theirs.close()
        self.link.release_worker_end()
        self._control = Control(ours)
        self._control.send(settings)
        self._threads = [
            threading.Thread(target=self._listen, name=f"{name} control", daemon=True),
            threading.Thread(target=self._copy_stderr, name=f"{name} stderr", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Identifier of the process."""
        return self._process.pid

    def wait_loaded(self) -> Signature | None:
        """Wait until the copy is loaded and return its signature.

        Raises:
            ModelError: It can't be loaded, or the process has ended; the text is the cause.
        """
        self._answered.wait()
        outcome = self._outcome
        if isinstance(outcome, Loaded):
            return outcome.signature
        cause = outcome.error if outcome is not None else f"its process {self.explain_end()}"
        self.end()
        raise ModelError(cause)

    def wait(self) -> None:
        """Wait for the end of the process."""
        self._process.wait()

    def end(self) -> None:
        """End the process: it finishes what it runs, or is killed when that takes too long."""
        self.link.close()
        if not self._answered.is_set():
            # It loads, and would look at nothing before it has.
            self._process.kill()
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        for thread in self._threads:
            thread.join(END_TIMEOUT_S)
        self._control.close()

    def set_log_level(self, level: str) -> None:
        """Let it send lines of this level and above."""
        self._control.send(LevelSet(level))

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.wait()

    def explain_end(self, seen: str = "it does not respond") -> str:
        """Return how a process ended that should not have; kill it if it still runs.

        Args:
            seen: What has been seen of it, in case that it lives on.
        """
        try:
            code = self._process.wait(EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"was killed: {seen}"
        for thread in self._threads:
            thread.join(END_TIMEOUT_S)
        lines = [line for line in list(self._last_lines) if line.strip()][-SHOWN_LINES:]
        last_lines = f"; its last lines: {' | '.join(lines)}" if lines else ""
        return f"{_describe_code(code)}{last_lines}"

    def _listen(self) -> None:
        self._control.listen(self._take)
        self._answered.set()

    def _take(self, message: Message) -> None:
        if isinstance(message, Logged):
            write_logged(message, self._name)
        elif isinstance(message, Recorded):
            for kind, name, value in message.values:
                app_monitor.record(kind, name, value)
        elif isinstance(message, Progress):
            self._report(message)
        else:
            self._outcome = message
            self._answered.set()

    def _copy_stderr(self) -> None:
        """Pass standard error on, and keep its last lines."""
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while line := stream.readline(LONGEST_READ):
                text = line.decode("utf-8", "replace")
                # Whatever becomes of ours, a worker must not wait for a reader of its own.
                with suppress(OSError, ValueError):
                    sys.stderr.write(text)
                    sys.stderr.flush()
                self._last_lines.append(" ".join(text.split())[:LONGEST_LINE])


def _describe_code(code: int) -> str:
    if code >= 0:
        return f"has ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        return f"was killed by signal {-code}"
    hint = ", perhaps for lack of memory" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code} ({name}{hint})"
