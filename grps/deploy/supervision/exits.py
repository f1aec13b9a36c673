"""How server processes end: recorded by the shell that runs them, and said in words."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

SHELL = "/bin/sh"
SIGNALS_FROM = 128
"""Shells report a signal as its number above this."""
# The traps let the shell wait for the server when both get the signal; the server has its own.
SCRIPT = """trap : TERM INT HUP; file=$1; shift; "$@"; code=$?; echo $code > "$file"; exit $code"""


def recording(command: Sequence[str], file: Path) -> list[str]:
    """Return a command that runs another one and writes its exit code into a file.

    No other process can see the exit code later, as only the parent of a process gets it. Where
    there is no shell, nothing is recorded.
    """
    if not Path(SHELL).exists():
        return list(command)
    return [SHELL, "-c", SCRIPT, "grps.server", str(file), *command]


def exit_code_of(returncode: int | None) -> int | None:
    """Return an exit code of ``recording`` as that of a process: negative for a signal."""
    if returncode is None or returncode <= SIGNALS_FROM:
        return returncode
    return SIGNALS_FROM - returncode


def recorded_exit(file: Path) -> str | None:
    """Return in words how a process ended; ``None`` when that was not recorded."""
    try:
        code = int(file.read_text())
    except (OSError, ValueError):
        return None
    return describe_exit(exit_code_of(code))


def describe_exit(code: int | None) -> str:
    """Say how a process ended, a signal by its name."""
    if code is None:
        return "failed to start"
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    hint = " (often: out of memory)" if name == "SIGKILL" else ""
    return f"was ended by signal {name}{hint}"
