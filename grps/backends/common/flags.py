"""Flags that several engines have."""

from __future__ import annotations

from grps.backends.engine import Flag

STREAMS = Flag(
    name="streams",
    help="Runs of one loaded model at the same time",
    kind="number",
    default=1,
    most=64,
)
