"""The resident memory of this process."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import psutil

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"
"""What the kernel takes for setting the peak to the current size."""
_BYTES_PER_KB = 1024


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes of the process.

    Attributes:
        before: Before the model was loaded, with its engine imported.
        loaded: After the model was loaded, before its first run.
        peak: The largest during runs; ``None`` where the kernel does not report it.
        file: Bytes of the model's files.
    """

    before: int
    loaded: int
    peak: int | None
    file: int


def resident() -> int:
    """Return the resident bytes of this process."""
    return int(psutil.Process().memory_info().rss)


def reset_peak() -> bool:
    """Forget the peak of this process; return whether the kernel does so."""
    try:
        _RESET.write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def peak() -> int | None:
    """Return the largest resident bytes since ``reset_peak``; ``None`` if it is not known."""
    try:
        found = re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) * _BYTES_PER_KB if found else None


def bytes_of(path: Path) -> int:
    """Return the bytes of a file, or of all files of a directory."""
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
