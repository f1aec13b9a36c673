"""Series of the user's metrics."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from grps.inference.monitor import Monitor

NOON = 20_000 * 24 * 60 * 60.0


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def monitor(clock: Clock) -> Monitor:
    return Monitor(clock)


def values(monitor: Monitor, key: str = "x") -> list[Any]:
    series = monitor.read(key)
    assert series is not None
    assert series["label"] == "trend"
    assert [index for index, _ in series["data"]] == list(range(174))
    return [value for _, value in series["data"]]


@pytest.mark.parametrize(
    ("kind", "expected", "idle"), [("avg", 3, 0), ("max", 5, 0), ("min", 1, None), ("inc", 6, 0)]
)
def test_each_kind_joins_its_values(
    monitor: Monitor, kind: str, expected: float, idle: float | None
) -> None:
    given = [1, 5] if kind != "avg" else [1, 3, 5]
    for value in given:
        getattr(monitor, kind)("x", value)
    found = values(monitor)
    assert [found[index] for index in (29, 53, 113, 173)] == [expected] * 4
    assert found[:29] == [idle] * 29
    assert found[114:173] == [idle] * 59


def test_values_move_back_in_time_and_out(monitor: Monitor, clock: Clock) -> None:
    monitor.inc("x", 2)
    clock.now += 59
    assert values(monitor)[114] == 2
    clock.now += 1
    found = values(monitor)
    assert sum(found[114:]) == 0
    assert (found[29], found[53], found[112]) == (2, 2, 2)
    clock.now += 30 * 24 * 60 * 60
    assert sum(values(monitor)) == 0


def test_the_second_ends_exactly(monitor: Monitor, clock: Clock) -> None:
    monitor.inc("x", 1)
    clock.now += 0.999
    monitor.inc("x", 1)
    clock.now += 0.001
    monitor.inc("x", 1)
    assert values(monitor)[172:] == [2, 1]


def test_a_clock_that_is_set_back_loses_nothing(monitor: Monitor, clock: Clock) -> None:
    monitor.inc("x", 1)
    clock.now -= 1
    monitor.inc("x", 1)
    clock.now += 1
    assert values(monitor)[173] == 2


def test_a_distribution_has_twenty_points(monitor: Monitor, clock: Clock) -> None:
    for value in range(1000):
        monitor.cdf("x", value)
    series = monitor.read("x")
    assert series is not None
    expected = [*range(10, 91, 10), *range(91, 102)]
    assert [shown for shown, _ in series["data"]] == expected
    assert [value for _, value in series["data"]][:2] == [100, 200]
    assert series["data"][-2:] == [[100, 999], [101, 999]]
    clock.now += 60
    series = monitor.read("x")
    assert series is not None
    assert {value for _, value in series["data"]} == {0}


def test_an_unknown_key_has_no_series(monitor: Monitor) -> None:
    assert monitor.read("x") is None


def test_threads_share_it(monitor: Monitor) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: monitor.inc("x", 1), range(4000)))
    assert values(monitor)[173] == 4000
