"""The end of a process in which user code may have left threads that never end."""

from __future__ import annotations

import atexit
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from grps.server.native import end_after

END_LIMIT_S = 3.0
"""Longest time for the handlers of ``atexit``."""


def run_and_end(main: Callable[[], int]) -> NoReturn:
    """Run ``main`` and end the process with its exit code.

    The interpreter would wait for threads that are no daemons. Here they end with the process,
    after the handlers of ``atexit`` have run.
    """
    code = _run(main)
    end_after(END_LIMIT_S, code or 1)
    with suppress(BaseException):
        # Public is only the registration; what is public at the end waits for the threads first.
        atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with suppress(Exception):
            if stream is not None:
                stream.flush()
    os._exit(code)


def _run(main: Callable[[], int]) -> int:
    try:
        return main()
    except SystemExit as end:
        if end.code is None:
            return 0
        if isinstance(end.code, int):
            return end.code & 0xFF
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
