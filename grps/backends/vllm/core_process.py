"""The process of vLLM's engine core, and what it has written."""

from __future__ import annotations

import ctypes
import os
import re
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SIGNAL_AT_END_OF_PARENT = 1
"""``PR_SET_PDEATHSIG`` of ``prctl``."""
_END = b"\0\n"
"""The last line of the pipe, which is written here."""
_LAST_LINES = 200
_LONGEST_LINE = 400
_PREFIX = re.compile(r"^(\([^)]*\) )?(ERROR [^\]]*\] )?")
_CAUSE = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Interrupt): .")
_IS_SAID_BELOW = ("root cause", "EngineDeadError", "EngineCore initialization failed")
"""Errors that only say that there was another one."""


@dataclass(frozen=True, slots=True)
class CoreProcess:
    """What runs in the process in place of vLLM's own function; it is sent to the process."""

    output: str
    """The pipe that takes what the process and its own processes write."""
    environment: Mapping[str, str]
    """Variables that are set, unless they are."""
    parent: int
    """The process that waits for it."""

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Run the engine core until it ends."""
        ctypes.CDLL(None).prctl(_SIGNAL_AT_END_OF_PARENT, signal.SIGKILL)
        if os.getppid() != self.parent:
            return  # it has ended before the signal was asked for
        # Ctrl-C in a terminal is for the service, which ends this process itself.
        os.setpgid(0, 0)
        pipe = os.open(self.output, os.O_WRONLY)
        os.dup2(pipe, 1)
        os.dup2(pipe, 2)
        os.close(pipe)
        for name, value in self.environment.items():
            os.environ.setdefault(name, value)
        from vllm.v1.engine.core import EngineCoreProc

        EngineCoreProc.run_engine_core(*args, **kwargs)


class CoreOutput:
    """Passes on what an engine core writes, and keeps its last lines."""

    def __init__(self) -> None:
        """Open a pipe."""
        self._folder = tempfile.TemporaryDirectory(prefix="grps-vllm-")
        self.path = str(Path(self._folder.name) / "output")
        os.mkfifo(self.path, 0o600)
        # Open for writing too: it does not end before it is closed here.
        self._pipe = os.open(self.path, os.O_RDWR)
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        self._thread = threading.Thread(target=self._copy, name="vLLM output", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pass on what is left, and close the pipe."""
        with suppress(OSError):
            # What ended in the middle of a line has not written its end.
            os.write(self._pipe, b"\n" + _END)
        self._thread.join()
        self._folder.cleanup()

    def cause(self) -> str | None:
        """Return the line that says why the engine core has failed, if one does."""
        return cause_in(list(self._lines))

    def _copy(self) -> None:
        with os.fdopen(self._pipe, "rb", closefd=True) as stream:
            while (line := stream.readline()) and line != _END:
                text = line.decode("utf-8", "replace")
                with suppress(OSError, ValueError):
                    sys.stderr.write(text)
                    sys.stderr.flush()
                self._lines.append(text.rstrip())


def cause_in(lines: list[str]) -> str | None:
    """Return the first line of the last errors that names a cause; ``None`` if there is none."""
    bare = [_PREFIX.sub("", line) for line in lines]
    causes = [line for line in bare if _CAUSE.match(line)]
    causes = [line for line in causes if not any(words in line for words in _IS_SAID_BELOW)]
    return causes[0][:_LONGEST_LINE] if causes else None


@contextmanager
def own_core_process(process: CoreProcess) -> Iterator[None]:
    """Let engines that are made in the block run ``process`` in their processes."""
    from vllm.v1.engine.core import EngineCoreProc

    before = EngineCoreProc.__dict__["run_engine_core"]
    EngineCoreProc.run_engine_core = process
    try:
        yield
    finally:
        EngineCoreProc.run_engine_core = before
