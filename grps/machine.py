"""What of the machine this process may use: processors and memory, a container's limits counted."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
"""Where the kernel exposes the limits of a container."""


def usable_cpus(cgroup: Path = CGROUP) -> int:
    """Return how many processors this process may keep busy, at least one.

    Args:
        cgroup: Where to look for the container's limit, which is rounded up to whole processors.
    """
    limits = [len(os.sched_getaffinity(0))]
    for quota, period in (_quota(cgroup / "cpu.max"), _old_quota(cgroup / "cpu")):
        if quota.isdecimal() and period.isdecimal() and int(period):
            limits.append(max(1, -(-int(quota) // int(period))))
    return min(limits)


def memory_limit(cgroup: Path = CGROUP) -> int:
    """Return the bytes that this process may use: the container's limit, else the machine's memory.

    Args:
        cgroup: Where to look for the container's limit.
    """
    limits = [psutil.virtual_memory().total]
    for file in (cgroup / "memory.max", cgroup / "memory" / "memory.limit_in_bytes"):
        text = _text_of(file)
        if text.isdecimal():
            limits.append(int(text))
    return min(limits)


def _quota(file: Path) -> tuple[str, str]:
    quota, _, period = _text_of(file).partition(" ")
    return quota, period


def _old_quota(folder: Path) -> tuple[str, str]:
    return _text_of(folder / "cpu.cfs_quota_us"), _text_of(folder / "cpu.cfs_period_us")


def _text_of(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
