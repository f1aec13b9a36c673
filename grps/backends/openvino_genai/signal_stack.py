"""The stack on which this thread's signal handlers run, which an engine may exchange."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    _fields_ = (
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("size", ctypes.c_size_t),
    )


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Give the thread its signal stack back at the end of the block.

    OpenVINO's CPU plugin sets a stack of its own in the thread that loads it. Several plugins that
    are released in the order of their loading leave the thread one whose memory is unmapped. The
    next signal then ends the process.
    """
    exchange = ctypes.CDLL(None).sigaltstack
    before = _Stack()
    exchange(None, ctypes.byref(before))
    try:
        yield
    finally:
        exchange(ctypes.byref(before), None)
