"""The file of a service's standard streams: bounded while the service runs."""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

OUTPUT_NAME = "stderr.log"
OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024
"""From this size on the file begins anew; the end of the former one is kept beside it."""
CHECK_S = 5.0
STDERR = 2


def former(output: Path) -> Path:
    """Return where the end of the former output is kept."""
    return output.with_suffix(".log.1")


def bound_output(output: Path, wait: Callable[[float], bool]) -> None:
    """Keep this process's standard error within its limit until ``wait`` returns true.

    Args:
        output: The file that the tool has opened for it. If it is another one, it is not ours to
            cut, and nothing is done.
        wait: Waits so many seconds; true when the process ends.
    """
    while _is_ours(output) and not wait(CHECK_S):
        # Whatever is wrong with the disk, the service goes on.
        with suppress(OSError):
            cut(STDERR, former(output), OUTPUT_LIMIT_BYTES)


def cut(descriptor: int, kept: Path, limit_bytes: int) -> None:
    """Empty a file that is too long; workers write to it as well, so it is not renamed.

    Args:
        descriptor: The file, opened for appending by all that write to it.
        kept: Gets the end of it.
        limit_bytes: Its longest length, and how much is kept.

    Raises:
        OSError: It can't be read or cut.
    """
    size = os.fstat(descriptor).st_size
    if size <= limit_bytes:
        return
    with open(f"/proc/self/fd/{descriptor}", "rb") as source, kept.open("wb") as target:
        source.seek(size - limit_bytes)
        os.sendfile(target.fileno(), source.fileno(), None, limit_bytes)
    os.ftruncate(descriptor, 0)


def _is_ours(output: Path) -> bool:
    try:
        if sys.platform != "linux" or not stat.S_ISREG(os.fstat(STDERR).st_mode):
            return False
        appends = fcntl.fcntl(STDERR, fcntl.F_GETFL) & os.O_APPEND
        return bool(appends) and os.path.samestat(os.fstat(STDERR), output.stat())
    except OSError:
        return False
