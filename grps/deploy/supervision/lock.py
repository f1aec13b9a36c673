"""One command at a time may start or stop a service."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from grps.config.secret_text import mask_command
from grps.deploy.paths import check_name, home, naming_home
from grps.errors import DeployError


@contextmanager
def hold(name: str) -> Iterator[None]:
    """Hold the lock of service ``name``; the system frees it if this process dies.

    Raises:
        DeployError: Another process holds it; the text says which.
        HomeError: The folder of services can't be written.
    """
    folder = home() / ".locks"
    path = folder / f"{check_name(name)}.lock"
    with naming_home():
        folder.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DeployError(
                f"service {name!r} is being started or stopped by {_holder(number)}; "
                "wait for it to end"
            ) from error
        os.ftruncate(number, 0)
        os.pwrite(number, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(number)


def _holder(number: int) -> str:
    text = os.pread(number, 20, 0).decode("ascii", "replace").strip()
    if not text.isdigit():
        return "another process"
    try:
        command = mask_command(psutil.Process(int(text)).cmdline())
    except (psutil.Error, OverflowError):
        return f"pid {text}"
    return f"pid {text} ({command})" if command else f"pid {text}"
