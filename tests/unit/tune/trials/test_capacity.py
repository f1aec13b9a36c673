"""What services answer at most, with services that are not real."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from grps.tune import read_goal
from grps.tune.trials.capacity import Capacities
from grps.tune.trials.service import Closely
from tests.unit.tune.made import GOAL


@dataclass
class Served:
    """A service whose turns end with these throughputs, one after the other."""

    name: str
    throughputs: list[float]
    turns: list[tuple[int, float]] = field(default_factory=list)

    def closed(self, concurrency: int, seconds: float) -> Closely:
        """Keep a number of requests open for a while."""
        self.turns.append((concurrency, seconds))
        return Closely(1.0, 1.0, self.throughputs[len(self.turns) - 1])


def capacities(most: int = 32, told: list[tuple[str, float]] | None = None) -> Capacities:
    said = told if told is not None else []
    return Capacities(GOAL, most, lambda name, capacity: said.append((name, capacity)))


@pytest.mark.parametrize(
    ("rate", "most", "found"),
    [(1000.0, 32, 6), (40.0, 32, 2), (250.0, 32, 2), (1e5, 64, 32), (1e5, 5, 5), (2.0, 1, 1)],
)
def test_as_many_requests_are_open_as_the_limit_allows(rate: float, most: int, found: int) -> None:
    service = Served("a", [1.0])
    capacities(most).measure([service], rate, 1)
    assert [one for one, _ in service.turns] == [found]


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [("p99=1ms", 0.4), ("p99=100ms", 0.4), ("p99=101ms", 0.404), ("p99=500ms", 2.0), ("p99=9s", 2)],
)
def test_a_turn_is_some_times_as_long_as_the_limit(limit: str, seconds: float) -> None:
    goal = read_goal((limit,), "throughput", None)
    found = Capacities(goal, 32, lambda name, capacity: None)
    assert found.seconds(1000.0) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("rate", "seconds"), [(250.0, 0.4), (249.0, 0.4016), (50.0, 2.0), (1.0, 2.0)]
)
def test_a_turn_has_enough_requests(rate: float, seconds: float) -> None:
    found, service = capacities(), Served("a", [1.0])
    assert found.seconds(rate) == pytest.approx(seconds, rel=1e-3)
    found.measure([service], rate, 1)
    assert service.turns[0][1] == found.seconds(rate)


def test_the_median_of_all_turns_counts() -> None:
    told: list[tuple[str, float]] = []
    service = Served("a", [100.0, 10.0, 90.0, 95.0, 97.0])
    found = capacities(told=told)
    found.measure([service], 700.0, 3)
    found.measure([service], 700.0, 2)
    assert told == [("a", 90.0), ("a", 95.0)]
    assert found.found == {"a": 95.0}


def test_services_take_turns() -> None:
    order: list[str] = []

    class Noted(Served):
        def closed(self, concurrency: int, seconds: float) -> Closely:
            order.append(self.name)
            return super().closed(concurrency, seconds)

    capacities().measure([Noted("a", [1.0, 1.0]), Noted("b", [1.0, 1.0])], 1.0, 2)
    assert order == ["a", "b", "a", "b"]


def test_those_that_serve_about_as_much_as_the_best_are_strong() -> None:
    services = [Served("a", [81.9]), Served("b", [82.0]), Served("c", [100.0])]
    found = capacities()
    found.measure(services, 1.0, 1)
    assert [one.name for one in found.strong(services)] == ["c", "b"]
    assert [one.name for one in found.strong(services[:2])] == ["b", "a"]


def test_services_that_answer_nothing_in_time_are_all_alike() -> None:
    services = [Served("a", [0.0]), Served("b", [0.0])]
    found = capacities()
    found.measure(services, 1.0, 1)
    assert found.strong(services) == services
