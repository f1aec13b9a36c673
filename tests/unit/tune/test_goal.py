"""Goals."""

from __future__ import annotations

import pytest

from grps.errors import GrpsError
from grps.tune import OBJECTIVES, TuneError, read_goal


def test_what_is_read() -> None:
    goal = read_goal(("p99.9=1.5s",), "latency", 20.0)
    assert (goal.share, goal.limit_ms) == (99.9, 1500.0)
    assert goal.text == "latency at 20 requests/s with p99.9=1.5s"
    assert read_goal(("p50=20us",), "throughput", None).limit_ms == 0.02


@pytest.mark.parametrize(
    "slo", ["mean=20ms", "ttft_p99=20ms", "errors=1%", "p99=20ms,p50=5ms", "p0=1ms", "p99=0ms", ""]
)
def test_other_limits_are_refused(slo: str) -> None:
    with pytest.raises(TuneError, match="percentile"):
        read_goal((slo,), "throughput", None)


def test_a_limit_that_is_not_understood_is_explained() -> None:
    with pytest.raises(GrpsError, match="use p99=20ms"):
        read_goal(("p99",), "throughput", None)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_rate_belongs_to_the_objective(objective: str) -> None:
    rate = 5.0 if objective == "throughput" else None
    with pytest.raises(TuneError, match="--rate"):
        read_goal(("p99=20ms",), objective, rate)  # type: ignore[arg-type]
