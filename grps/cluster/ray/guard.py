"""Ends the server of a replica when the process that watches it dies."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress

# It reads until its standard input is closed, which the death of the other end does.
SCRIPT = 'read _; kill -s KILL -- "-$1"'


class Guard:
    """A small process beside this one: it outlives it, and kills a process group then."""

    def __init__(self) -> None:
        """Begin without a group."""
        self._process: subprocess.Popen[bytes] | None = None
        self._group = 0

    def watch(self, pid: int) -> None:
        """Guard the process group of ``pid`` from here on, and no other."""
        try:
            group = os.getpgid(pid)
        except ProcessLookupError:
            return
        if group in (self._group, os.getpgid(0)):
            return
        self.end()
        self._group = group
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", SCRIPT, "grps.guard", str(group)],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def end(self) -> None:
        """Guard nothing any more."""
        process, self._process, self._group = self._process, None, 0
        if process is not None:
            process.kill()
            process.wait()
            with suppress(OSError):
                if process.stdin is not None:
                    process.stdin.close()
