"""Figures of a service, out of what it answers."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from grps.deploy.figures import Figures, read_figures


def live(**changes: Any) -> dict[str, Any]:
    """What a service with two routes answers, as far as it is read."""
    return {
        "time": 130.0,
        "service": {"started": 100.0, "in_flight": 4},
        "process": {"cpu_s": 6.0, "memory_bytes": 1 << 20},
        "requests": {"p50_ms": 1.0, "p90_ms": 2.0, "p99_ms": 3.0},
        "routes": [
            {"minute": {"succeeded": 50, "failed": 10, "seconds": 30}},
            {"minute": {"succeeded": 30, "failed": 0, "seconds": 20}},
        ],
    } | changes


def test_routes_add_up_and_the_request_that_asks_does_not_count() -> None:
    figures = read_figures(live())
    assert (figures.succeeded, figures.failed, figures.seconds) == (80, 10, 30)
    assert figures.rate == pytest.approx(3.0)
    assert figures.in_flight == 3
    assert read_figures(live(routes=[])).rate == 0
    idle = read_figures(live(service={"started": 100.0, "in_flight": 0}))
    assert idle.in_flight == 0


def test_processors_need_two_looks_at_the_same_process() -> None:
    now = read_figures(live())
    before = read_figures(live(time=128.0, process={"cpu_s": 3.0, "memory_bytes": 1}))
    assert now.processors(before) == pytest.approx(1.5)
    assert now.processors(None) is None
    assert now.processors(now) is None
    another = msgspec.structs.replace(before, started=99.0)
    assert now.processors(another) is None


def test_they_travel_as_json() -> None:
    figures = read_figures(live())
    assert msgspec.json.decode(msgspec.json.encode(figures), type=Figures) == figures
