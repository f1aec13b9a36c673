"""What the loop of an instance calls, for plans that a service makes only by chance."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

from grps.errors import StopRequested
from grps.inference.channel import NamedArray
from grps.inference.steps.model import StepBatch, StepModel, StepRequest
from grps.inference.steps.runner import FailedRow, StepRunner
from tests.unit.inference.entries import FakeEntry


class Model(StepModel):
    """Notes what it is called with; ``states`` is what ``begin`` returns next."""

    slots: ClassVar = {"value": "int64"}

    def __init__(self) -> None:
        self.states: list[Any] = []
        self.released: list[Any] = []
        self.raises: BaseException | None = None

    def load(self) -> None:
        pass

    def begin(self, requests: Sequence[StepRequest]) -> Any:
        return self.states.pop(0)

    def step(self, batch: StepBatch) -> Any:
        if self.raises is not None:
            raise self.raises
        return batch["value"], batch["value"] > 5

    def end(self, states: Sequence[Any]) -> None:
        self.released += states


@dataclass
class Begun:
    """A sequence that begins."""

    entry: Any = field(default_factory=lambda: FakeEntry([]))
    outputs: Sequence[NamedArray] = ()

    def inputs(self) -> list[NamedArray]:
        return [("x", np.zeros(1))]


@dataclass
class Plan:
    """A plan of a test."""

    ended: Sequence[tuple[int | None, int, str]] = ()
    saved: Sequence[tuple[int, int]] = ()
    dropped: Sequence[int] = ()
    moves: tuple[Sequence[int], Sequence[int]] = ((), ())
    restored: Sequence[tuple[int, int]] = ()
    begun: Sequence[tuple[int, Begun]] = ()
    prefill: Sequence[tuple[int, int, int]] = ()
    running: int = 0


class FakeChannel:
    """Gives plans, and keeps what comes back."""

    def __init__(self, plans: Iterable[Plan]) -> None:
        self._plans = iter(plans)
        self.finished: list[list[bool]] = []
        self.failed: list[FailedRow] = []
        self.down: str | None = None

    def next(self) -> Plan | None:
        return next(self._plans, None)

    def finish(
        self,
        outputs: Sequence[NamedArray],
        finished: Sequence[bool],
        failed: Sequence[FailedRow],
        state_bytes: Sequence[int],
        lengths: Sequence[int],
    ) -> None:
        self.finished.append(list(finished))

    def fail_rows(self, failed: Sequence[FailedRow]) -> None:
        self.failed += failed

    def detach(self, down: str | None = None) -> None:
        self.down = down


def run(model: Model, *plans: Plan) -> FakeChannel:
    channel = FakeChannel(plans)
    StepRunner(model, 4, in_parts=False, name="m#0").run(channel)
    return channel


BOTH = Plan(begun=[(0, Begun()), (1, Begun())], running=2)


def test_finished_may_be_a_column() -> None:
    model = Model()
    model.states = [[{"value": 3}, {"value": 9}]]
    assert run(model, BOTH).finished == [[False, True]]


@pytest.mark.parametrize("states", [["a"], ["a", "b", "c"]])
def test_states_beyond_or_below_the_requests_are_released_and_begin_is_tried_again(
    states: list[Any],
) -> None:
    model = Model()
    model.states = [states, ["first"], ["second"]]
    channel = run(model, BOTH, Plan(ended=[(0, 0, "finished"), (1, 1, "finished")]))
    assert channel.failed == []
    assert model.released == [*states, "first", "second"]


def test_begin_that_returns_nothing_is_named() -> None:
    model = Model()
    model.states = [None]
    channel = run(model, Plan(begun=[(0, Begun())], running=1))
    assert channel.failed == [(0, "begin returned nothing for 1 requests", None)]


def test_a_row_that_does_not_fit_fails_alone_and_begin_is_not_tried_again() -> None:
    model = Model()
    model.states = [[{"value": [1, 2], "name": "a"}, {"value": 2, "name": "b"}]]
    ends = Plan(ended=[(0, 0, "failed"), (1, 1, "finished")])
    channel = run(model, BOTH, ends)
    assert [row for row, _, _ in channel.failed] == [0]
    assert model.released == [{"name": "a"}, {"name": "b"}]


def test_an_instance_that_fails_releases_what_it_holds() -> None:
    model = Model()
    model.states = [["a", "b"]]
    model.raises = StopRequested()
    channel = FakeChannel([BOTH])
    with pytest.raises(StopRequested):
        StepRunner(model, 4, in_parts=False, name="m#0").run(channel)
    assert channel.down is not None
    assert model.released == ["a", "b"]
