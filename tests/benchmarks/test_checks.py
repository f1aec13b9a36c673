"""The checks of claims: theory of a server that stalls, and how phases by turns are judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.checks.capturing import cost, serving_double
from benchmarks.checks.generators import Figures, grpst_perf
from benchmarks.checks.rollback import TRAFFIC, rolled_back
from benchmarks.checks.shadow import HUNG, NONE, Phase, growth, models, noise, ratios, run
from benchmarks.checks.stalls import PATH, Schedule, distance, stalling
from benchmarks.checks.versions import FACTOR, serving_versions, traffic_of, version
from grps.perf import Content, Target, make_requests

SCHEDULE = Schedule(service_s=0.02, stall_s=0.6, period_s=4.0)


def test_theory_is_what_an_arrival_waits() -> None:
    assert SCHEDULE.latency_s(0.0) == pytest.approx(0.62)
    assert SCHEDULE.latency_s(0.59) == pytest.approx(0.03)
    assert SCHEDULE.latency_s(2.0) == pytest.approx(0.02)
    # What is due while the next stall lasts is answered at its end.
    assert SCHEDULE.latency_s(3.99) == pytest.approx(0.61)
    theory = SCHEDULE.figures()
    # Of 4 s, 0.62 s have longer latencies than 0.02 s: so x of them is passed by 0.64 s - x.
    assert theory.ms == pytest.approx((20, 240, 440, 600), abs=0.1)
    assert theory.max_ms == pytest.approx(620, abs=0.1)


def test_a_distance_is_the_largest_one() -> None:
    one = Figures("one", (10, 20, 30, 40), 50, 100, 0)
    other = Figures("other", (10, 16, 30, 44), 50, 100, 0)
    assert distance(one, other) == pytest.approx(0.25)


def test_an_open_loop_measures_a_stall() -> None:
    with stalling(Schedule(service_s=0.001, stall_s=0.5, period_s=1.0)) as base:
        found = grpst_perf(base + PATH, 2.0, "--rate", "50", "--arrivals", "constant")
    assert (found.requests, found.failed) == (100, 0)
    # Half of the arrivals find the server stalled.
    assert found.max_ms > 400
    assert found.ms[1] > 300


def phase(shadow: str, p99_ms: float, memory: list[tuple[float, float]]) -> Phase:
    return Phase(shadow, 1.0, p99_ms, 9.0, 100, 0, 60.0, memory)


def test_phases_are_compared_with_those_beside_them() -> None:
    flat = [(0.0, 100.0), (60.0, 100.0)]
    phases = [
        phase(NONE, 10, flat),
        phase(HUNG, 12, flat),
        phase(NONE, 14, flat),
        phase(HUNG, 21, [(0.0, 101.0), (60.0, 103.0)]),
        phase(NONE, 14, flat),
    ]
    assert ratios(phases, HUNG) == pytest.approx([1.0, 1.5])
    assert noise(phases) == pytest.approx([0.4, 0.0])
    assert growth(phases, NONE) == pytest.approx((0, 0))
    assert growth(phases, HUNG) == pytest.approx((3, 2))


def test_a_hung_shadow_fails_no_request(tmp_path: Path) -> None:
    traffic = {"weights": {"1": 1}, "shadow": {"version": "2"}}
    with serving_versions(tmp_path / "project", models(HUNG, 1.0), traffic) as state:
        found = run(HUNG, state, rate=100, seconds=0.5)
        copies = traffic_of(state)["shadow"]
    assert (found.requests, found.failed) == (50, 0)
    assert found.memory
    assert copies["equal"] == 0
    assert copies["in_flight"] + copies["failed"] > 0


def test_a_wrong_version_is_rolled_back(tmp_path: Path) -> None:
    versions = [version(1, {}), version(2, {"by": FACTOR + 1})]
    with serving_versions(tmp_path / "project", versions, TRAFFIC) as state:
        found = rolled_back(state, rate=100)
    assert found.reason.startswith("differences: ")
    assert 0 < found.wrong < found.sent / 5


def test_the_share_that_is_recorded_is_counted(tmp_path: Path) -> None:
    with serving_double(tmp_path, width=2) as state:
        target = Target("127.0.0.1", state.ports[0])
        prepared = make_requests("http", target, "double", Content(), streaming=False)
        for share in (0.0, 1.0):
            found = cost(state, prepared, share, rate=100, seconds=0.5)
            # The last request may end while the capture stops.
            assert found.recorded == pytest.approx(share, abs=0.05)
            assert found.left_out == 0
            assert found.cpu_us > 0
