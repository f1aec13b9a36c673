"""Percentiles, objectives, and what is said of a measurement."""

from __future__ import annotations

import math

import pytest

from grps.perf import Constant, Measurement, PerfError
from grps.perf.slo import read_objectives
from grps.perf.verdict import is_generator_limited, notes_of
from tests.unit.perf.measurements import GOOD, NOTHING, measured, spread


def test_percentiles_are_values_that_a_share_does_not_exceed() -> None:
    latency = GOOD.latency
    assert [latency.percentile(at) for at in (0, 50, 99, 99.9, 100)] == [1, 100, 198, 200, 200]
    assert math.isnan(NOTHING.percentile(50))


def test_failures_take_for_ever() -> None:
    values = spread(*(float(number) for number in range(1, 100)))
    assert values.percentile(99, failures=1) == 99
    assert values.percentile(99, failures=2) == math.inf
    assert values.percentile(50, failures=1) == 50


@pytest.mark.parametrize(
    ("slo", "is_met"),
    [
        ("p99=198ms", True),
        ("p99=0.197s", False),
        ("p50=100000us", True),
        ("max=200ms,mean=101ms", True),
        ("max=199ms", False),
        ("errors=0%", True),
        ("rate=100", True),
        ("rate=100.1", False),
    ],
)
def test_objectives(slo: str, is_met: bool) -> None:
    assert all(objective.is_met(GOOD) for objective in read_objectives((slo,))) == is_met


def test_objectives_count_failures() -> None:
    failed = measured(failed=3)
    (latency, share) = read_objectives(("p99=200ms,errors=1%",))
    assert not latency.is_met(failed)
    assert not share.is_met(failed)
    assert latency.is_met(measured(failed=2))
    assert share.is_met(measured(failed=2))


def test_objectives_of_streams() -> None:
    found = measured(first=spread(5.0), gap=spread(2.0), streaming=True)
    ttft, itl = read_objectives(("ttft_p99=5ms", "itl_p50=1ms"))
    assert (ttft.is_met(found), itl.is_met(found)) == (True, False)
    # Without chunks there is nothing that could be fast.
    assert not ttft.is_met(GOOD)


@pytest.mark.parametrize("text", ["p99", "p99=20", "p100=1ms", "errors=1", "rate=9ms", "p50=-1ms"])
def test_wrong_objectives_are_refused(text: str) -> None:
    with pytest.raises(PerfError, match="use p99=20ms"):
        read_objectives((text,))


def test_nothing_is_said_of_a_good_measurement() -> None:
    assert notes_of(GOOD) == []
    assert not is_generator_limited(GOOD)


@pytest.mark.parametrize(
    ("found", "said", "is_limited"),
    [
        (measured(cpu_share=0.9), "the load generator was the limit", True),
        (
            measured(load=Constant(100.0), lateness=spread(*([11.0] * 200))),
            "requests were sent late",
            True,
        ),
        (measured(not_sent=1), "1 requests were not sent in time", True),
        (measured(load=Constant(200.0)), "did not keep up: 100.0 of 200 requests/s", False),
        (measured(is_stopped=True, unfinished=4), "4 open requests are not counted", False),
        (measured(latency=spread(1.0)), "too few for a 99th percentile", False),
    ],
)
def test_notes(found: Measurement, said: str, is_limited: bool) -> None:
    (note,) = notes_of(found)
    assert said in note
    assert is_generator_limited(found) == is_limited


def test_lateness_of_a_closed_loop_does_not_count() -> None:
    assert not is_generator_limited(measured(lateness=spread(50.0)))
