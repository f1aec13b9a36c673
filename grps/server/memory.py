"""The memory of requests and of models that were removed."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

from grps.config.schema import LimitsConfig
from grps.machine import memory_limit

INFLIGHT_SHARE = 4
"""Requests in flight may hold one part in this many of the memory, unless configured."""


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
