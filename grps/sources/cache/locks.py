"""Locks between processes, on files; the system frees them when a process ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


class Lease:
    """Keeps a model in the cache until it is released, or until the process ends."""

    _number = -1
    """The descriptor; -1 without one."""

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        """Take the lease; wait while the model is being removed.

        Args:
            path: The file.
            writes: Whether it can be written; if not, it is locked where it can be read.
        """
        if not writes:
            with suppress(OSError):
                self._number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                fcntl.flock(self._number, fcntl.LOCK_SH)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._number, fcntl.LOCK_SH)
        os.utime(self._number)

    def release(self) -> None:
        """Let the model be removed."""
        if self._number >= 0:
            os.close(self._number)
            self._number = -1

    def __del__(self) -> None:
        self.release()


@contextmanager
def locked(
    path: Path, *, shared: bool = False, on_wait: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Hold a lock; wait for it.

    Args:
        path: The file.
        shared: Whether others may hold it at the same time, if they share it too.
        on_wait: Called when another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        try:
            fcntl.flock(number, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(number, kind)
        yield
    finally:
        os.close(number)


@contextmanager
def locked_now(path: Path) -> Iterator[bool]:
    """Hold a lock alone if that is possible at once; gives whether it is held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(number)
