"""Services are started some at once, with services that are not real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from grps.config.schema import ModelConfig
from grps.errors import GrpsError
from grps.tune import Settings
from grps.tune.ranking import Ranked
from grps.tune.trials.service import Setting
from grps.tune.trials.services import DEFAULT, Entered, Services
from tests.unit.tune.made import CONFIG, GOAL, ONE

RANKED = [Ranked(Settings(ONE, max_batch=size), 100.0 / size, None) for size in (1, 2, 4)]
NAMES = [one.settings.text for one in RANKED]
WAIT_S = 10.0


@dataclass
class Service:
    """A service that only knows whether it was asked to end."""

    name: str
    stopped: bool = False

    def stop(self) -> None:
        """Ask it to end."""
        self.stopped = True


@dataclass
class World:
    """Starts services: what happens when one does, by its name."""

    starting: dict[str, Callable[[], object]] = field(default_factory=dict)
    running: list[str] = field(default_factory=list)

    @contextmanager
    def run(self, name: str, config: ModelConfig, setting: Setting) -> Iterator[Service]:
        """Start a service."""
        self.starting.get(name, lambda: None)()
        self.running.append(name)
        try:
            yield Service(name)
        finally:
            self.running.remove(name)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr("grps.tune.trials.services.running", made.run)
    monkeypatch.setattr("grps.tune.trials.services.usable_cpus", lambda: 2)
    return made


def services(stack: ExitStack, told: list[str] | None = None) -> Services:
    said = told if told is not None else []
    setting = Setting(GOAL, "http", {}, 32)
    return Services(CONFIG, setting, lambda phase, line: said.append(line), stack)


def refuse() -> None:
    raise GrpsError("it does not start")


def test_some_start_at_once_and_come_in_their_order(world: World) -> None:
    both = threading.Barrier(2)
    world.starting = {name: lambda: both.wait(WAIT_S) for name in NAMES[:2]}
    told: list[str] = []
    with ExitStack() as stack:
        found = services(stack, told)
        started = found.start(RANKED, lambda: False)
        assert [one.name for one in started] == NAMES
        assert found.entered == [
            Entered(name, one) for name, one in zip(NAMES, RANKED, strict=True)
        ]
        assert [found.ranked(one) for one in started] == RANKED
        assert sorted(world.running) == sorted([DEFAULT, *NAMES])
        found.stop(unless=[found.default, started[1]])
        assert [one.stopped for one in (found.default, *started)] == [False, True, False, True]  # type: ignore[attr-defined]
    assert world.running == []
    assert told == [f"starting {name}" for name in NAMES]


def test_what_does_not_start_is_noted(world: World) -> None:
    world.starting = {NAMES[1]: refuse}
    with ExitStack() as stack:
        found = services(stack)
        started = found.start(RANKED, lambda: False)
        assert [one.name for one in started] == [NAMES[0], NAMES[2]]
        assert [one.name for one in found.entered] == [NAMES[0], NAMES[2]]
        assert found.notes == [f"left out: {NAMES[1]}: it does not start"]


def test_without_time_only_the_first_starts(world: World) -> None:
    with ExitStack() as stack:
        found = services(stack)
        started = found.start(RANKED, lambda: True)
        assert [one.name for one in started] == NAMES[:1]
        assert [one.name for one in found.entered] == NAMES[:1]
        assert found.notes == []


def test_an_interrupt_starts_no_others_and_ends_those_that_run(world: World) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    world.starting = {NAMES[0]: interrupt}
    more = [Ranked(Settings(ONE, max_batch=size), 1.0, None) for size in (8, 16, 32, 64, 128)]
    began: list[str] = []
    with pytest.raises(KeyboardInterrupt), ExitStack() as stack:
        found = services(stack)
        gate = threading.Event()

        def wait(name: str) -> Callable[[], object]:
            def begun() -> None:
                began.append(name)
                gate.wait(1.0)

            return begun

        world.starting |= {one.settings.text: wait(one.settings.text) for one in more}
        found.start([RANKED[0], *more], lambda: False)
    assert len(began) < len(more)
    assert world.running == []
