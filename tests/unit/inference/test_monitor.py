"""Metrics of user code on their way to the server."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from grps.inference.monitor import Kind, Monitor
from grps.log import logger


class Recorder:
    """Keeps what it is told, and refuses the name ``bad``."""

    def __init__(self) -> None:
        self.told: list[tuple[Kind, str, float]] = []

    def record(self, kind: Kind, name: str, value: float) -> None:
        if name == "bad":
            raise ValueError("not this one")
        self.told.append((kind, name, value))

    def series(self, name: str) -> str | None:
        known = name in self.series_names()
        return '{"label": "trend", "data": [[0, 1.0]]}' if known else None

    def series_names(self) -> list[str]:
        return sorted({name for _, name, _ in self.told})


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def monitor(recorder: Recorder) -> Monitor:
    monitor = Monitor()
    monitor.connect(recorder)
    return monitor


@pytest.mark.parametrize("kind", ["avg", "max", "min", "inc", "cdf"])
def test_each_method_is_a_kind(monitor: Monitor, recorder: Recorder, kind: Kind) -> None:
    getattr(monitor, kind)("x", 1)
    getattr(monitor, kind)("x", np.float32(0.5))
    assert recorder.told == [(kind, "x", 1.0), (kind, "x", 0.5)]


def test_without_a_server_values_go_nowhere() -> None:
    monitor = Monitor()
    monitor.inc("x", 1)
    assert monitor.read("x") == "key not found"
    assert monitor.read_all() == {}


def test_series_can_be_read(monitor: Monitor) -> None:
    monitor.inc("x", 1)
    trend = {"label": "trend", "data": [[0, 1.0]]}
    assert monitor.read("x") == trend
    assert monitor.read("y") == "key not found"
    assert monitor.read_all() == {"x": trend}


@pytest.mark.parametrize(("key", "value"), [(None, 1), ("x", None), ("x", "much"), (3, 1)])
def test_what_is_no_metric_is_refused(monitor: Monitor, key: Any, value: Any) -> None:
    with pytest.raises(ValueError, match="not"):
        monitor.avg(key, value)


def test_a_refusal_is_logged_once(
    monitor: Monitor, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger.name):
        for _ in range(3):
            monitor.avg("bad", 1)
    monitor.avg("good", 1)
    assert [record.getMessage() for record in caplog.records] == ["metric 'bad': not this one"]
    assert recorder.told == [("avg", "good", 1.0)]
