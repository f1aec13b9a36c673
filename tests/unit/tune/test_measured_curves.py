"""Which variants of a model are measured, with curves that are made."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from grps.tune import Goal, Search, Variant, read_goal
from grps.tune.curves.curve import Curves
from grps.tune.curves.measuring import Plan, measure_curves
from grps.tune.curves.orders import Loaded, Measured, MeasureOrder
from grps.tune.measured_curves import measure_every
from tests.unit.tune.made import CONFIG, GOAL, ONE, curves

LOADED = Loaded(0.1, {"x": (1, 3)}, None, None)
ENGINES = ("onnxruntime", "openvino")


def measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, goal: Goal, slower: float
) -> tuple[set[str], list[str]]:
    """Return the variants that were measured, and notes; one engine is slower than the other."""

    def made(variant: Variant, *rest: object) -> tuple[Curves, Loaded]:
        factor = slower if variant.engine == "openvino" else 1.0
        return curves(variant, factor, 0.2 * factor), LOADED

    monkeypatch.setenv("GRPS_HOME", str(tmp_path))
    monkeypatch.setattr("grps.tune.measured_curves.measure_curves", made)
    (tmp_path / "net.onnx").write_bytes(b"net")
    config = msgspec.structs.replace(CONFIG, inferer_path=str(tmp_path / "net.onnx"))
    search = Search(config=config, goal=goal, fresh=True)
    saved, _, notes = measure_every(search, ENGINES, 2, 1e12, lambda phase, line: None)
    return {one.variant.text for one in saved.curves if one.variant.engine == "openvino"}, notes


def test_an_engine_that_is_too_slow_is_measured_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, notes = measured(tmp_path, monkeypatch, GOAL, slower=1.7)
    assert found == {"OpenVINO, 2 threads"}
    text = "not measured, as OpenVINO, 2 threads is far from the best: OpenVINO, 1 thread"
    assert text in notes
    found, _ = measured(tmp_path, monkeypatch, GOAL, slower=1.6)
    assert len(found) == 2


def test_for_latency_every_engine_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    goal = read_goal(("p99=20ms",), "latency", 50.0)
    found, _ = measured(tmp_path, monkeypatch, goal, slower=1.7)
    assert len(found) == 2


class Process:
    """A process that has loaded a model at once."""

    def __init__(self, variant: Variant) -> None:
        """Start nothing."""

    def __enter__(self) -> Process:
        """Use it."""
        return self

    def __exit__(self, *error: object) -> None:
        """End nothing."""

    def load(self, *about: object) -> Loaded:
        """Return what is said of the model."""
        return LOADED


def curves_of(monkeypatch: pytest.MonkeyPatch, row_ms: float, least_rate: float = 0.0) -> Curves:
    """Measure a model whose batches take as long as their rows one by one."""

    def together(processes: object, order: MeasureOrder, timeout_s: float) -> list[Measured]:
        return [Measured([row_ms * order.rows], row_ms * order.rows / 1000)]

    monkeypatch.setattr("grps.tune.curves.measuring.MeasuringProcess", Process)
    monkeypatch.setattr("grps.tune.curves.measuring.together", together)
    plan = Plan(CONFIG, {}, 32, 100.0, 2, 2, least_rate)
    found, _ = measure_curves(ONE, plan, math.inf, lambda line: None)
    return found


@pytest.mark.parametrize(("row_ms", "sizes"), [(1.0, [1, 2, 4, 8]), (12.6, [1, 2]), (60.0, [1, 2])])
def test_long_runs_end_a_curve_sooner(
    monkeypatch: pytest.MonkeyPatch, row_ms: float, sizes: list[int]
) -> None:
    assert [one.rows for one in curves_of(monkeypatch, row_ms).alone.points] == sizes


@pytest.mark.parametrize(("least_rate", "count"), [(1000.0, 2), (1001.0, 1)])
def test_what_is_too_slow_gets_one_curve(
    monkeypatch: pytest.MonkeyPatch, least_rate: float, count: int
) -> None:
    assert len(curves_of(monkeypatch, 1.0, least_rate).found) == count
