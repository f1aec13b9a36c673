"""A worker process as the server sees it: its start, its loading, and the cause of its exit."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import psutil

from grps.backends.backend import Signature
from grps.backends.common.language.language_model import LanguageFacts
from grps.errors import ModelError
from grps.inference.monitor import app_monitor
from grps.log import logger
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

LAST_LINES = 80
"""Lines of a worker's standard error that are kept for the case of its end."""
SHOWN_LINES = 3
LONGEST_LINE = 400
CRASH_MARK = "grps crash: "
"""What the native report of a crash begins with."""
LONGEST_READ = 64 * 1024
END_TIMEOUT_S = 5.0
EXIT_TIMEOUT_S = 1.0
STOP_POLL_S = 0.2

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
        self.takes_messages = False
        """Whether an inferer of a plugin takes whole messages; known once it is loaded."""
        self.state_bytes = 0
        """Bytes of one row of all slots of a step model; known once it is loaded."""
        self.language: LanguageFacts | None = None
        """What the files of a language model say; known once it is loaded."""
        self._answered = threading.Event()
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._killed_as: str | None = None
        """Why it was killed while it waited for requests."""
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
            self.takes_messages = outcome.takes_messages
            self.state_bytes = outcome.state_bytes
            self.language = outcome.language
            return outcome.signature
        if outcome is not None:
            cause = outcome.error
        else:
            cause = f"its process {self.explain_end()}"
            logger.error("%s: %s%s", self._name, cause, self.last_lines())
        self.end()
        raise ModelError(cause)

    def wait(self, stop_timeout_s: float | None) -> None:
        """Wait for the end of the process; kill it if it is stopped for too long.

        Args:
            stop_timeout_s: How long a signal, such as SIGSTOP, may stop it; ``None`` for no limit.
        """
        while stop_timeout_s is not None and self._wait_for_stop():
            if self._waits_for_continue(stop_timeout_s):
                self._killed_as = f"a signal has stopped it for {stop_timeout_s:g} s"
                self._process.kill()
        self._process.wait()

    def _wait_for_stop(self) -> bool:
        """Wait until the process is stopped; false when it has ended."""
        try:
            seen = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
            if seen is None or seen.si_code != os.CLD_STOPPED:
                return False
            # Taken, so that the next wait does not see the same stop.
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WNOHANG)
        except ChildProcessError:
            return False
        return True

    def _waits_for_continue(self, timeout_s: float) -> bool:
        """Return whether a stopped process is still stopped after ``timeout_s``."""
        end = time.monotonic() + timeout_s
        while self._is_stopped():
            if time.monotonic() >= end:
                return True
            time.sleep(min(STOP_POLL_S, timeout_s))
        return False

    def _is_stopped(self) -> bool:
        try:
            return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED
        except psutil.Error:
            return False

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
        if self._killed_as is not None:
            return f"was killed: {self._killed_as}"
        return _describe_code(code)

    def last_lines(self) -> str:
        """Return the last lines of an ended process for the log; empty if it has written none.

        They may contain anything: they are for operators, not for clients.
        """
        for thread in self._threads:
            thread.join(END_TIMEOUT_S)
        lines = [line for line in list(self._last_lines) if line.strip()]
        crashes = [at for at, line in enumerate(lines) if line.startswith(CRASH_MARK)]
        if crashes:
            return "\n".join(["", *lines[crashes[-1] :]])
        lines = lines[-SHOWN_LINES:]
        return f"; its last lines: {' | '.join(lines)}" if lines else ""

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
        stderr = sys.__stderr__ or sys.stderr
        with self._process.stderr as stream:
            while line := stream.readline(LONGEST_READ):
                text = line.decode("utf-8", "replace")
                # Whatever becomes of ours, a worker must not wait for a reader of its own.
                # The worker has logged its own printed lines: they go on as they are.
                with suppress(OSError, ValueError):
                    stderr.write(text)
                    stderr.flush()
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
