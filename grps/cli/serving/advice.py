"""Notices about flags that have no effect together."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from grps.cli.output.lines import notice
from grps.cli.serving.flags import ServeFlags

_BATCHING = ("max_batch_size", "batch_timeout_us")


def note_flags_without_effect(
    flags: ServeFlags, given: AbstractSet[str], makes_steps: bool
) -> None:
    """Say which of the flags that were given do nothing.

    Args:
        flags: All values.
        given: Names of the flags that were written on the command line.
        makes_steps: Whether the engine batches continuously, as many sequences as a batch may have.
    """
    idle = [f"--{name}" for name in _BATCHING if name in given]
    if makes_steps:
        if "batch_timeout_us" in given:
            notice("note: --batch_timeout_us has no effect: sequences join without waiting")
    elif idle and flags.batching_type == "none":
        verb = "has" if len(idle) == 1 else "have"
        notice(f"note: {' and '.join(idle)} {verb} no effect without --batching_type dynamic")
    elif "batch_timeout_us" in given:
        notice(
            "note: --batch_timeout_us has no effect yet: requests wait for a batch to fill only "
            f"with 'wait: always' in inference.yml; add it and run: grpst restart {flags.name}"
        )
    if "gpu_mem_gc_interval" in given and not flags.gpu_mem_gc_enable:
        notice("note: --gpu_mem_gc_interval has no effect without --gpu_mem_gc_enable")
