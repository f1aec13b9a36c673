"""Which services are started and tried, with services that are not real."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

import pytest

from grps.config.schema import ModelConfig
from grps.errors import GrpsError
from grps.tune import Goal, Settings, read_goal
from grps.tune.ranking import Ranked
from grps.tune.trials.confirmation import Confirmation
from grps.tune.trials.contest import Contest
from grps.tune.trials.service import Closely, Setting
from grps.tune.trials.services import DEFAULT
from tests.unit.tune.made import CONFIG, GOAL, ONE, TWO, Fake, Time

SLOW, FAST = Settings(ONE, max_batch=8), Settings(TWO, max_batch=8)
RANKED = [Ranked(SLOW, 500.0, None), Ranked(FAST, 400.0, None)]
TURN_S = 0.65


@dataclass
class Service(Fake):
    """A service that also has a capacity."""

    capacity: float = 0.0

    def closed(self, concurrency: int, seconds: float) -> Closely:
        """Keep a number of requests open for a while."""
        self.time.now += TURN_S
        return Closely(1.0, 1.0, self.capacity)

    def stop(self) -> None:
        """Ask it to end."""


@dataclass
class World:
    """Services by name: what they hold, and their capacity."""

    services: Mapping[str, tuple[float, float]]
    time: Time = field(default_factory=Time)
    started: dict[str, Service] = field(default_factory=dict)

    @contextmanager
    def running(self, name: str, config: ModelConfig, setting: Setting) -> Iterator[Service]:
        """Start a service."""
        plain = name.removesuffix(", native")
        if plain not in self.services:
            raise GrpsError("it does not start")
        most, capacity = self.services[plain]
        self.started[plain] = Service(name, most, time=self.time, capacity=capacity)
        yield self.started[plain]

    def run(
        self,
        monkeypatch: pytest.MonkeyPatch,
        seconds: float,
        goal: Goal = GOAL,
        ranked: Sequence[Ranked] = RANKED,
    ) -> tuple[Settings | None, Confirmation | None, Contest]:
        """Run a contest of all services."""
        monkeypatch.setattr("grps.tune.trials.services.running", self.running)
        setting, clock = Setting(goal, "http", {}, 32), self.time.clock(seconds)
        with ExitStack() as stack:
            contest = Contest(CONFIG, setting, clock, lambda phase, text: None, stack)
            settings, found = contest.run(ranked)
            contest.services.stop()
        return settings, found, contest


def is_of(found: Settings | None, wanted: Settings) -> bool:
    return found is not None and found.variant.threads == wanted.variant.threads


def test_the_service_that_serves_most_is_tried_by_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World({DEFAULT: (200, 250), SLOW.text: (230, 300), FAST.text: (400, 450)})
    settings, found, contest = world.run(monkeypatch, 60.0)
    assert is_of(settings, FAST)
    assert found is not None
    assert found.is_better
    assert found.soak is not None
    assert world.started[SLOW.text].rates == []
    assert contest.capacities.found[DEFAULT] == 250
    assert 180 < contest.trials.held_by(DEFAULT, found.rate) <= 200


def test_if_it_is_not_better_the_next_one_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    services = {DEFAULT: (200, 250.0), SLOW.text: (300, 340.0), FAST.text: (100, 350.0)}
    settings, found, _ = World(services).run(monkeypatch, 60.0)
    assert is_of(settings, SLOW)
    assert found is not None
    assert found.is_better
    settings, found, _ = World(services).run(monkeypatch, 20.0)
    assert is_of(settings, FAST)
    assert found is not None
    assert not found.is_better


def test_the_strongest_is_measured_beside_larger_and_smaller_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("grps.tune.trials.contest._MOST", 2)
    strengths = {4: (330, 380), 8: (400, 450), 16: (450, 500)}
    sizes = {size: Settings(TWO, max_batch=size) for size in strengths}
    services = {DEFAULT: (200.0, 250.0), SLOW.text: (230.0, 300.0)}
    services |= {sizes[size].text: strength for size, strength in strengths.items()}
    ranked = [RANKED[0], *(Ranked(sizes[size], 400.0 - size, None) for size in (8, 16, 4))]
    settings, _, contest = World(services).run(monkeypatch, 90.0, ranked=ranked)
    assert settings == replace(sizes[16], native=True)
    begun, near = [one.name for one in contest.services.entered][:2], contest.capacities.found
    assert begun == [f"{one.text}, native" for one in (SLOW, FAST)]
    assert near[f"{sizes[16].text}, native"] == 500
    assert near[f"{sizes[4].text}, native"] == 380
    assert FAST.text in near


def test_what_was_started_at_first_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    larger = Settings(TWO, max_batch=16)
    services = {DEFAULT: (200.0, 250.0), FAST.text: (400, 450), larger.text: (380, 420)}
    ranked = [RANKED[1], Ranked(larger, 390.0, None)]
    _, _, contest = World(services).run(monkeypatch, 90.0, ranked=ranked)
    names = [one.name for one in contest.services.entered]
    assert sorted(names) == sorted([f"{FAST.text}, native", f"{larger.text}, native", FAST.text])


def test_services_that_do_not_start_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, found, contest = World({DEFAULT: (200, 250)}).run(monkeypatch, 60.0)
    assert (settings, found) == (None, None)
    assert contest.services.notes
    assert all("it does not start" in note for note in contest.services.notes)


def test_services_that_answer_nothing_while_they_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World({DEFAULT: (2, 0), SLOW.text: (300, 0), FAST.text: (400, 0)})
    settings, found, _ = world.run(monkeypatch, 60.0)
    assert is_of(settings, SLOW)
    assert found is not None
    assert found.is_better


def test_at_the_rate_of_a_goal_no_capacities_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    goal = read_goal(("p99=20ms",), "cost", 100.0)
    world = World({DEFAULT: (50, 250), SLOW.text: (300, 340), FAST.text: (90, 350)})
    settings, found, contest = world.run(monkeypatch, 60.0, goal)
    assert is_of(settings, SLOW)
    assert found is not None
    assert (found.rate, contest.capacities.found) == (100.0, {})
