"""How long a replica that failed waits before it is started again."""

from __future__ import annotations

FIRST_S = 0.5
LONGEST_S = 30.0
STEADY_S = 60.0
"""A replica that was ready for this long has not failed in a row."""


def backoff_s(failures: int) -> float:
    """Return the wait after a number of failures in a row: none after the first one."""
    if failures <= 1:
        return 0.0
    # The exponent is bounded: a replica may fail for weeks.
    return min(LONGEST_S, FIRST_S * 2.0 ** min(failures - 2, 10))
