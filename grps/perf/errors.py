"""What a load test raises."""

from __future__ import annotations

from grps.errors import GrpsError


class PerfError(GrpsError):
    """A load test can't be run; the text says why and what to do."""

    docs = "guides/measure-performance.md"
