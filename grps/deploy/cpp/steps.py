"""Runs the programs of a build: their progress, and what the compiler says if they fail."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from grps.errors import ArchiveError

SHOWN_LINES = 60
FAULT = re.compile(r"error|undefined reference|\*\*\*Failed|FAILED", re.IGNORECASE)
NOISE = re.compile(r"^(g?make(\[\d+\])?: |\[ *\d+%\] |\[\d+/\d+\] |ninja: )")
"""Lines of the build tools themselves."""

OnStep = Callable[[str, str], None]
"""Takes what is going on and its latest line."""


@dataclass(frozen=True, slots=True)
class Step:
    """One program of a build."""

    title: str
    """What it does, such as ``building``."""
    command: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    """What its environment has besides that of this process."""
    advice: str = ""
    """What to do when it fails."""


def run_step(step: Step, folder: Path, shown_as: Path, on_step: OnStep) -> None:
    """Run a program in ``folder`` and wait for its end.

    Args:
        step: The program.
        folder: Where it runs.
        shown_as: The folder whose copy ``folder`` is: messages name files in it.
        on_step: Receives the progress.

    Raises:
        ArchiveError: It can't be run, or fails; the text has what it printed.
    """
    on_step(step.title, "")
    lines: list[str] = []
    try:
        process = subprocess.Popen(
            step.command,
            cwd=folder,
            env={**os.environ, **step.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        program = step.command[0]
        raise ArchiveError(
            f"{program} can't be run ({error.strerror}); projects in C++ need cmake, make and a "
            "compiler; on Debian: apt-get install cmake g++ make"
        ) from error
    with process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip().replace(str(folder), str(shown_as)))
                on_step(step.title, lines[-1])
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        advice = f"; {step.advice}" if step.advice else ""
        raise ArchiveError(
            "\n".join([f"{step.title} failed: {shlex.join(step.command)}{advice}", *_faults(lines)])
        )


def _faults(lines: list[str]) -> list[str]:
    """Return what explains a failure: from the first error on, without the build tools' lines."""
    kept = [line for line in lines if line and not NOISE.match(line)]
    first = next((index for index, line in enumerate(kept) if FAULT.search(line)), None)
    if first is None:
        return kept[-SHOWN_LINES:]
    begin = max(first - 2, 0)
    shown = kept[begin : begin + SHOWN_LINES]
    left = len(kept) - begin - len(shown)
    return [*shown, f"… {left} more lines"] if left > 0 else shown
