"""The arena in which ONNX Runtime keeps memory between runs, and giving it back."""

from __future__ import annotations

import time

import onnxruntime

_LOG_NOTHING = 4
"""Errors of a run reach the user as exceptions; ONNX Runtime need not write them as well."""
_SHRINK = "memory.enable_memory_arena_shrinkage"


class Arena:
    """The memory of one session; the session's thread alone calls."""

    def __init__(self, name: str, interval_s: int | None) -> None:
        """Let a run give unused memory of the arena ``name`` back every so often.

        Args:
            name: The arena in ONNX Runtime's words, such as ``gpu:0``.
            interval_s: Least time between two such runs; never when ``None``.
        """
        self._plain = _options()
        self._shrinking = _options()
        self._shrinking.add_run_config_entry(_SHRINK, name)
        self._interval_s = interval_s
        self._last = time.monotonic()

    def run_options(self) -> onnxruntime.RunOptions:
        """Return the options of the run that is to come."""
        if self._interval_s is None:
            return self._plain
        since = time.monotonic() - self._last
        if since < self._interval_s:
            return self._plain
        self._last += since
        return self._shrinking


def _options() -> onnxruntime.RunOptions:
    options = onnxruntime.RunOptions()
    options.log_severity_level = _LOG_NOTHING
    return options
