"""Runs programs and shows what was run."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path


class ReleaseError(Exception):
    """What is released is not as it must be; its text says what and where."""


def run(
    command: Sequence[str | Path],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    timeout_s: float | None = None,
) -> str:
    """Run a program; return what it writes to standard output.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        environment: All its variables; those of this process when ``None``.
        timeout_s: How long it may take.

    Raises:
        ReleaseError: It fails; the error has the end of what it wrote.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, cwd=folder, env=environment, capture_output=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReleaseError(f"{words[0]}: {error}") from error
    output = done.stdout.decode(errors="replace")
    if done.returncode != 0:
        said = f"{output}\n{done.stderr.decode(errors='replace')}".strip().splitlines()[-40:]
        failed = f"failed with {done.returncode}: {' '.join(words)}"
        raise ReleaseError("\n".join([*said, failed]))
    return output


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print what is done, and how long it took."""
    print(f"── {title}", flush=True)
    began = time.monotonic()
    yield
    print(f"   ({time.monotonic() - began:.1f} s)", flush=True)
