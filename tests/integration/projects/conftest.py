"""The tool as a program of its own, with services in a folder of the test."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue

import pytest

from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.services import services
from grps.deploy.supervision.stopping import stop
from grps.server.state import ServiceState
from tests.support import REPOSITORY

WAIT_S = 60
BUILD_S = 250
"""Longer than a build takes on a busy machine."""
Grpst = Callable[..., str]


@pytest.fixture
def grpst(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Grpst]:
    monkeypatch.setenv("GRPS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))

    def run(*args: str | Path, code: int = 0, timeout_s: float = WAIT_S) -> str:
        answer = subprocess.run(
            [sys.executable, "-m", "grps.cli.main", *map(str, args)],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )
        assert answer.returncode == code, answer.stdout + answer.stderr
        return answer.stdout + answer.stderr

    yield run
    for service in services():
        if service.running:
            stop(service.name, drain_timeout_s=5)


def state_of(name: str) -> ServiceState:
    state = ServiceState.read(ServiceFolder.of(name).state)
    assert state is not None
    return state


class Dev:
    """A running ``grpst dev`` whose lines are waited for."""

    def __init__(self, project: Path, wait_s: float = WAIT_S, *flags: str) -> None:
        command = [sys.executable, "-m", "grps.cli.main", "dev", str(project), *flags]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip
        self._wait_s = wait_s
        self._lines: Queue[str] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Dev:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def wait(self, text: str) -> str:
        """Return the next line that has ``text``."""
        seen = []
        with suppress(Empty):
            while True:
                seen.append(self._lines.get(timeout=self._wait_s))
                if text in seen[-1]:
                    return seen[-1]
        raise AssertionError(f"no {text!r} in:\n{''.join(seen)}")

    def ready(self) -> str:
        found = re.search(r"http://[0-9.:]+", self.wait("dev: ready"))
        assert found is not None
        return found[0]

    def end(self) -> int:
        """End it as Ctrl-C does: the whole group of processes gets the signal."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(WAIT_S)
        self._reader.join()
        return code
