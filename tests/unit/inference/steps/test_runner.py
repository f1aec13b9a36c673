"""What the loop of an instance calls, for plans that a service makes only by chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest

from grps.errors import InputError, StopRequested
from grps.inference.channel import NamedArray
from grps.inference.steps.model import StepBatch, StepModel, StepRequest, StepResult
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
        self.outputs: list[list[tuple[str, list[Any]]]] = []
        self.sizes: list[list[int]] = []
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
        cache_usage: float | None,
    ) -> None:
        self.finished.append(list(finished))
        self.outputs.append([(name, array.tolist()) for name, array in outputs])
        self.sizes.append(list(state_bytes))
        self.failed += failed

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


class Repeatable(Model):
    """Raises for some rows, before it changes anything; ``returns`` is what others return."""

    repeatable: ClassVar = True

    def __init__(self, bad: Mapping[int, BaseException]) -> None:
        super().__init__()
        self.states = [[{"value": row} for row in range(4)]]
        self.bad = bad
        self.stepped: list[list[int]] = []
        self.returns: dict[int, Any] = {}

    def step(self, batch: StepBatch) -> Any:
        values = batch["value"].tolist()
        self.stepped.append(values)
        for value in values:
            if value in self.bad:
                raise self.bad[value]
        batch["value"] += 10
        if values[0] in self.returns:
            return self.returns[values[0]]
        return StepResult(batch["value"], batch["value"] == 13, {}, [8] * len(batch))


FOUR = Plan(begun=[(row, Begun()) for row in range(4)], running=4)


def test_a_step_that_raises_is_repeated_for_each_sequence() -> None:
    model = Repeatable({1: ValueError("one"), 2: InputError("two", status=409)})
    channel = run(model, FOUR)
    assert model.stepped == [[0, 1, 2, 3], [0], [1], [2], [3]]
    assert channel.failed == [(1, "ValueError: one", None), (2, "two", 409)]
    assert channel.outputs == [[("output", [10, 0, 0, 13])]]
    assert channel.finished == [[False, False, False, True]]
    assert channel.sizes == [[8, 0, 0, 8]]


def test_a_model_may_return_the_same_memory_at_each_step() -> None:
    class Reusing(Repeatable):
        memory = np.zeros(4, np.int64)

        def step(self, batch: StepBatch) -> Any:
            result = super().step(batch)
            self.memory[: len(batch)] = result.outputs
            return self.memory[: len(batch)]

    channel = run(Reusing({3: ValueError("three")}), FOUR)
    assert channel.outputs == [[("output", [10, 11, 12, 0])]]


def test_a_step_of_one_sequence_is_not_repeated() -> None:
    model = Repeatable({0: ValueError("one")})
    model.states = [[{"value": 0}]]
    channel = run(model, Plan(begun=[(0, Begun())], running=1))
    assert model.stepped == [[0]]
    assert channel.failed == [(0, "ValueError: one", None)]


def test_each_sequence_fails_for_its_own_cause() -> None:
    channel = run(Repeatable({row: ValueError(str(row)) for row in range(4)}), FOUR)
    assert channel.outputs == []
    assert channel.failed == [(row, f"ValueError: {row}", None) for row in range(4)]


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (StepResult(np.zeros(2)), "output output of a step has shape [2], not 1 rows"),
        (StepResult(np.zeros(1), [True, False]), "a step of 1 rows says of 2 whether"),
        (StepResult(np.zeros(1), state_bytes=[1, 2]), "a step of 1 rows has the bytes of 2 states"),
        (StepResult(np.zeros(1), failed={1: ValueError()}), "a step of 1 rows says that row 1 has"),
        (StepResult(np.zeros(1), failed={0: ValueError("x")}), "ValueError: x"),
        (None, "step returned nothing"),
    ],
)
def test_a_wrong_result_of_one_sequence_fails_it_alone(returned: Any, text: str) -> None:
    model = Repeatable({1: ValueError("one")})
    model.returns[0] = returned
    channel = run(model, FOUR)
    assert [row for row, _, _ in channel.failed] == [0, 1]
    assert text in channel.failed[0][1]
    assert channel.outputs == [[("output", [0, 0, 12, 13])]]


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (
            StepResult(np.zeros((1, 2), np.int64), state_bytes=[8]),
            "outputs of a step differ between sequences: output int64 [1, 2] and output int64 [1]",
        ),
        (
            StepResult({"y": np.zeros(1)}, state_bytes=[8]),
            "outputs of a step differ between sequences: y float64 [1] and output int64 [1]",
        ),
        (StepResult(np.zeros(1, np.int64)), "a step has the bytes of some states only"),
    ],
)
def test_results_that_can_not_be_joined_fail_all(returned: Any, text: str) -> None:
    model = Repeatable({1: ValueError("one")})
    model.returns[0] = returned
    assert run(model, FOUR).failed == [(row, text, None) for row in range(4)]


def test_a_step_that_returned_is_not_repeated() -> None:
    model = Repeatable({})
    model.returns[0] = StepResult(np.zeros(2))
    channel = run(model, FOUR)
    assert model.stepped == [[0, 1, 2, 3]]
    assert [row for row, _, _ in channel.failed] == [0, 1, 2, 3]


def test_the_end_of_the_service_is_not_repeated() -> None:
    model = Repeatable({3: StopRequested()})
    with pytest.raises(StopRequested):
        run(model, FOUR)
    assert model.stepped == [[0, 1, 2, 3]]
