"""Runs a project's server in the foreground and restarts it when a file changes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from grps.deploy.archive.tree import TreeFile
from grps.deploy.supervision.exits import describe_exit
from grps.deploy.supervision.ports import check_ports
from grps.deploy.watching import FileWatcher
from grps.errors import ConfigError, GrpsError
from grps.server.files import absolute
from grps.server.project import Project
from grps.server.state import ServiceState

POLL_S = 0.5
STOP_S = 5.0
"""How long a server may take to finish its requests before it is killed."""
SHOWN_CHANGES = 3
_IN_PYTHON = ("started", "the last version")
"""What is said of code that can't be imported, in place of what is said of a build."""


class Builder(Protocol):
    """Builds the project before it is served."""

    def build(self) -> None:
        """Build it.

        Raises:
            GrpsError: It can't be built; the text says why.
        """

    def sources(self) -> Iterable[TreeFile]:
        """Return the files whose changes make it build again."""


class Development:
    """A server that follows the edits of its project."""

    def __init__(
        self,
        project: Path,
        port: str | None,
        on_line: Callable[[str], None],
        builder: Builder | None = None,
        service: Path | None = None,
    ) -> None:
        """Prepare to serve.

        Args:
            project: The project's folder.
            port: Ports as in ``server.yml``; what that says when ``None``.
            on_line: Receives a line about each event.
            builder: Builds the project each time before it is served, if that is needed.
            service: The folder of the configuration, if it is not that of the project: the builder
                writes it.

        Raises:
            DeployError: A port is taken.
        """
        self._project = absolute(project)
        self._given_port = port
        self._on_line = on_line
        self._builder = builder
        self._service = None if service is None else absolute(service)
        self._ports: tuple[int, ...] = ()
        self._ending = False
        self._told: subprocess.Popen[bytes] | None = None
        interface = self._interface()
        if interface is not None:
            check_ports(*interface)

    def end(self) -> None:
        """Let ``run`` end soon; safe in a signal handler.

        An exception from there could hit the moment in which the standard library holds a lock of
        the server's process, and then no process could wait for it.
        """
        self._ending = True

    def run(self, poll_s: float = POLL_S) -> None:
        """Serve and restart until ``end`` is called."""
        watch = FileWatcher(self._project, None if self._builder is None else self._builder.sources)
        process: subprocess.Popen[bytes] | None = None
        with tempfile.TemporaryDirectory(prefix="grps_dev_") as folder:
            state_file = Path(folder) / "state.json"
            try:
                while not self._ending:
                    if self._is_built(process):
                        if process is not None:
                            _end(process)
                        process = self._start(state_file)
                    changed = self._wait(process, state_file, watch, poll_s)
                    if not changed:
                        return
                    self._report_changes(changed)
            finally:
                if process is not None:
                    _end(process)

    def _is_built(self, process: subprocess.Popen[bytes] | None) -> bool:
        """Build the project, if it is one to build; the server before goes on meanwhile."""
        if self._builder is None:
            return True
        try:
            self._builder.build()
        except GrpsError as error:
            if not self._ending:
                runs = process is not None and process.poll() is None
                done, last = ("built", "the last build") if self._service is None else _IN_PYTHON
                goes_on = f"; the server runs on with {last}" if runs else ""
                self._on_line(f"{error}")
                self._on_line(f"not {done}{goes_on}; change a file to try again, Ctrl-C ends")
            return False
        return not self._ending

    def _report_changes(self, changed: list[str]) -> None:
        more = f" and {len(changed) - SHOWN_CHANGES} more"
        shown = ", ".join(changed[:SHOWN_CHANGES])
        tail = more if len(changed) > SHOWN_CHANGES else ""
        is_built = self._builder is not None and self._service is None
        what = "building" if is_built else "restarting"
        self._on_line(f"changed: {shown}{tail}; {what}")

    def _start(self, state_file: Path) -> subprocess.Popen[bytes]:
        state_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "grps.server", "--project", str(self._project)]
        command += ["--state_file", str(state_file), "--stderr"]
        if self._service is not None:
            command += ["--service", str(self._service)]
        if (port := self._port()) is not None:
            command += ["--port", port]
        # A quick edit that keeps a file's size would be hidden by its cached bytecode.
        variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, env=variables)

    def _wait(
        self,
        process: subprocess.Popen[bytes] | None,
        state_file: Path,
        watch: FileWatcher,
        poll_s: float,
    ) -> list[str]:
        """Wait for a change and until the files stop changing; return nothing when asked to end.

        Reports the server's progress in the meantime.
        """
        # A server that goes on after a failed build was told of before.
        reported = process is not None and process is self._told
        while not (changed := watch.changes()):
            code = None if process is None else process.poll()
            state = ServiceState.read(state_file)
            if not reported and code is not None:
                reported, self._told = True, process
                how = describe_exit(code)
                self._on_line(f"the server {how}; change a file to try again, Ctrl-C ends")
            elif not reported and state is not None and state.phase == "ready":
                reported, self._told = True, process
                self._ports = state.ports
                scheme = "https" if state.tls else "http"
                where = " ".join(f"{scheme}://127.0.0.1:{port}" for port in state.ports[:1])
                self._on_line(f"ready: {where} (watching {self._project}; Ctrl-C ends)")
            if self._ending:
                return []
            time.sleep(poll_s)
        while more := watch.changes():
            changed = sorted({*changed, *more})
            time.sleep(poll_s)
        return changed

    def _interface(self) -> tuple[str, tuple[int, ...]] | None:
        """Host and ports as configured; ``None`` when the configuration is broken."""
        try:
            conf = None if self._service is None else self._service / "conf"
            project = Project.read(self._project, conf)
            if self._given_port is not None:
                project = project.listening_on(self._given_port)
        except ConfigError:
            return None
        return project.server.interface.host, project.server.interface.ports

    def _port(self) -> str | None:
        """Free ports are found once and kept; others follow ``server.yml``."""
        interface = self._interface()
        if interface is None or 0 not in interface[1] or len(interface[1]) != len(self._ports):
            return self._given_port
        kept = zip(interface[1], self._ports, strict=True)
        return ",".join(str(asked or last) for asked, last in kept)


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        with suppress(ProcessLookupError):
            process.terminate()
        process.wait(STOP_S)
    except BaseException as error:
        process.kill()
        process.wait()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
