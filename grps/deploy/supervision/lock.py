"""One command at a time may start or stop a service."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import psutil

from grps.config.secret_text import mask_command
from grps.deploy.paths import check_name, home, naming_home
from grps.errors import DeployError

Purpose = Literal["start", "stop"]
_ENDING_S, _POLL_S = 0.5, 0.02
"""A process that ends has the lock a moment longer than its name is in the file."""


@contextmanager
def hold(name: str, purpose: Purpose = "start") -> Iterator[None]:
    """Hold the lock of service ``name``; the system frees it if this process dies.

    Args:
        name: The service.
        purpose: What it is held for; others read it in ``starter_of``.

    Raises:
        DeployError: Another process holds it; the text says which.
        HomeError: The folder of services can't be written.
    """
    path = _path(name)
    with naming_home():
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(number, name)
        os.ftruncate(number, 0)
        os.pwrite(number, f"{os.getpid()} {purpose}".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(number, 0)
    finally:
        os.close(number)


def _lock(number: int, name: str) -> None:
    deadline = time.monotonic() + _ENDING_S
    while True:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() < deadline:
                time.sleep(_POLL_S)
                continue
            raise DeployError(
                f"service {name!r} is being started or stopped by {_holder(number)}; "
                "wait for it to end"
            ) from error
        return


def starter_of(name: str) -> int | None:
    """Return the process that holds the lock of a service to start it; ``None`` without one."""
    try:
        number = os.open(_path(name), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        pid, _, purpose = os.pread(number, 40, 0).decode("ascii", "replace").partition(" ")
        if purpose != "start" or not pid.isdigit():
            return None
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(pid)
    else:
        return None
    finally:
        os.close(number)


def _path(name: str) -> Path:
    return home() / ".locks" / f"{check_name(name)}.lock"


def _holder(number: int) -> str:
    text = os.pread(number, 40, 0).decode("ascii", "replace").partition(" ")[0]
    if not text.isdigit():
        return "another process"
    try:
        command = mask_command(psutil.Process(int(text)).cmdline())
    except (psutil.Error, OverflowError):
        return f"pid {text}"
    return f"pid {text} ({command})" if command else f"pid {text}"
