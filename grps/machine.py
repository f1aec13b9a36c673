"""What of the machine this process may use: processors and memory, a container's limits counted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")
"""Where the kernel exposes the limits of a container."""

OWN_GROUPS = Path("/proc/self/cgroup")
"""Where the kernel says which groups this process belongs to."""


def usable_cpus(cgroup: Path = CGROUP, own_groups: Path = OWN_GROUPS) -> int:
    """Return how many processors this process may keep busy, at least one.

    Args:
        cgroup: Where to look for the container's limit, which is rounded up to whole processors.
        own_groups: The file that names the groups of this process.
    """
    limits = [len(os.sched_getaffinity(0))]
    for folder in _folders(cgroup, own_groups, "cpu"):
        for quota, period in (_quota(folder / "cpu.max"), _old_quota(folder)):
            if quota.isdecimal() and period.isdecimal() and int(period):
                limits.append(max(1, -(-int(quota) // int(period))))
    return min(limits)


def memory_limit(cgroup: Path = CGROUP, own_groups: Path = OWN_GROUPS) -> int:
    """Return the bytes that this process may use: the smallest limit of its groups, or the machine.

    Args:
        cgroup: Where to look for the limits of groups.
        own_groups: The file that names the groups of this process.
    """
    limits = [psutil.virtual_memory().total]
    for folder in _folders(cgroup, own_groups, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            text = _text_of(folder / name)
            if text.isdecimal():
                limits.append(int(text))
    return min(limits)


def _folders(cgroup: Path, own_groups: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the groups that limit this process: its own and all around them.

    Version 2 of the kernel's groups has one tree, version 1 one for each controller; a machine can
    have both. What is outside of a container is not in its tree.
    """
    yield from (cgroup, cgroup / controller)
    for line in _text_of(own_groups).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            root = cgroup
        elif controller in controllers.split(","):
            root = cgroup / controller
        else:
            continue
        parts = [part for part in path.split("/") if part]
        if ".." in parts:
            continue  # a group outside of the container's own tree
        for depth in range(1, len(parts) + 1):
            yield root.joinpath(*parts[:depth])


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
