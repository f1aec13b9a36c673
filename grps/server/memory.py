"""How much memory this process may use."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from pathlib import Path

import psutil

from grps.config.schema import LimitsConfig

CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
"""Where the kernel tells the limit of a container, in versions 2 and 1 of its interface."""
INFLIGHT_SHARE = 4
"""Requests in flight may hold one part in this many of the memory, unless configured."""


def memory_limit(files: tuple[Path, ...] = CGROUP_LIMITS) -> int:
    """Return the bytes that this process may use: the container's limit, else the machine's memory.

    Args:
        files: Where to look for the container's limit.
    """
    limits = [psutil.virtual_memory().total]
    for file in files:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdecimal():
            limits.append(int(text))
    return min(limits)


def inflight_bytes(limits: LimitsConfig) -> int:
    """Return how many bytes of request bodies may be in flight: as configured, else by memory."""
    if limits.max_inflight_bytes is not None:
        return limits.max_inflight_bytes
    return max(limits.max_request_bytes, memory_limit() // INFLIGHT_SHARE)


def give_back_memory() -> None:
    """Free what nothing refers to, and give what the C library keeps of it back to the system."""
    # Models and their modules are full of cycles; what they hold can be large.
    gc.collect()
    with suppress(AttributeError, OSError):  # glibc has it; other C libraries need it less
        ctypes.CDLL(None).malloc_trim(0)
