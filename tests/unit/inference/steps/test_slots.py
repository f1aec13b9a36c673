"""Rows and states of sequences, as plans move them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from grps.errors import ModelError
from grps.inference.steps.slots import Slots, bytes_of, declared_slots

DECLARED = {"hidden": "float32[2]", "token": "int64"}


@dataclass
class Plan:
    """What of a plan concerns the slots."""

    ended: Sequence[tuple[int | None, int, str]] = ()
    saved: Sequence[tuple[int, int]] = ()
    dropped: Sequence[int] = ()
    moves: tuple[Sequence[int], Sequence[int]] = field(default_factory=lambda: ((), ()))
    restored: Sequence[tuple[int, int]] = ()


def filled(count: int) -> Slots:
    """Slots whose row ``i`` has the state ``i`` and the numbers ``i``."""
    slots = Slots(DECLARED, count)
    for row in range(count):
        slots.begin(row, {"hidden": [row, row], "token": row, "name": f"s{row}"})
    return slots


def names(slots: Slots, count: int) -> list[Any]:
    """The names of the first sequences, whose rows go with them."""
    batch = slots.batch(count)
    assert len(batch) == count
    found = []
    for state, hidden, token in zip(batch.states, batch["hidden"], batch["token"], strict=True):
        found.append(state and state["name"])
        assert state is None or [f"s{int(hidden[0])}", f"s{token}"] == [state["name"]] * 2
    return found


def test_declarations() -> None:
    assert declared_slots({"a": "float32[3, 4]", "b": "bool", "c": " int8[] "}) == {
        "a": (np.dtype("float32"), (3, 4)),
        "b": (np.dtype("bool"), ()),
        "c": (np.dtype("int8"), ()),
    }
    assert bytes_of(DECLARED) == 16
    assert bytes_of({}) == 0


@pytest.mark.parametrize("text", ["float99", "float32[", "float32[-1]", "float32[a]", "", "[3]"])
def test_a_wrong_declaration_is_named(text: str) -> None:
    with pytest.raises(ModelError, match="slot 'h' is declared as") as raised:
        declared_slots({"h": text})
    assert "such as float32[256] or int64" in str(raised.value)


def test_rows_move_at_once() -> None:
    slots = filled(3)
    assert slots.apply(Plan(moves=([0, 1, 2], [1, 2, 0]))) == []
    assert names(slots, 3) == ["s2", "s0", "s1"]


def test_a_row_that_ended_is_released_and_taken_by_the_last() -> None:
    slots = filled(3)
    released = slots.apply(Plan(ended=[(0, 10, "finished")], moves=([2], [0])))
    assert released == [{"name": "s0"}]
    assert names(slots, 3) == ["s2", "s1", None]
    assert slots.release() == [{"name": "s2"}, {"name": "s1"}]
    assert slots.release() == []


def test_a_saved_state_comes_back_to_another_row() -> None:
    slots = filled(3)
    assert slots.apply(Plan(saved=[(0, 7)], moves=([2], [0]))) == []
    slots.begin(2, {"hidden": [9, 9], "token": 9, "name": "s9"})
    assert names(slots, 3) == ["s2", "s1", "s9"]
    assert slots.apply(Plan(ended=[(1, 8, "finished")], restored=[(1, 7)])) == [{"name": "s1"}]
    assert names(slots, 3) == ["s2", "s0", "s9"]


def test_a_saved_sequence_that_ends_is_released_once() -> None:
    slots = filled(1)
    slots.apply(Plan(saved=[(0, 7)]))
    assert slots.apply(Plan(ended=[(None, 7, "cancelled")])) == [{"name": "s0"}]
    assert slots.apply(Plan(ended=[(None, 7, "cancelled")])) == []


def test_saved_states_are_released_with_the_others() -> None:
    slots = filled(2)
    slots.apply(Plan(saved=[(0, 7)], moves=([1], [0])))
    assert slots.release() == [{"name": "s1"}, {"name": "s0"}]


def test_a_dropped_state_is_released() -> None:
    assert filled(2).apply(Plan(dropped=[1])) == [{"name": "s1"}]


def test_what_never_began_is_not_released() -> None:
    slots = Slots(DECLARED, 2)
    assert slots.apply(Plan(ended=[(0, 1, "failed"), (None, 2, "cancelled")])) == []


@pytest.mark.parametrize("state", [None, {"name": 1}, "text"])
def test_a_row_is_zero_unless_begin_fills_it(state: Any) -> None:
    slots = filled(1)
    slots.apply(Plan(ended=[(0, 1, "finished")]))
    slots.begin(0, state)
    batch = slots.batch(1)
    assert list(batch.states) == [state]
    assert not batch["hidden"].any()
    assert not batch["token"].any()


@pytest.mark.parametrize(
    ("value", "text"), [([1, 2, 3], "returned [3] for slot"), ("x", "returned [] for slot")]
)
def test_a_row_of_another_shape_is_named_and_its_state_released(value: Any, text: str) -> None:
    slots = Slots(DECLARED, 1)
    with pytest.raises(ModelError) as raised:
        slots.begin(0, {"hidden": value, "name": "s0"})
    assert text in str(raised.value)
    assert "'hidden', whose rows are [2]" in str(raised.value)
    assert slots.apply(Plan(ended=[(0, 1, "failed")])) == [{"name": "s0"}]


def test_a_batch_writes_into_the_slots() -> None:
    slots = filled(2)
    batch = slots.batch(1)
    batch["token"] += 5
    batch["hidden"] = [[3.0, 4.0]]
    assert slots.batch(2)["token"].tolist() == [5, 1]
    assert slots.batch(2)["hidden"].tolist() == [[3, 4], [1, 1]]


def test_a_part_writes_into_its_row_of_any_number_of_dimensions() -> None:
    slots = filled(2)
    part = slots.part(1, 3, 5)
    part.rows["token"][...] = 8
    part.rows["hidden"][...] += 1
    assert (part.state, part.start, part.stop) == ({"name": "s1"}, 3, 5)
    assert slots.batch(2)["token"].tolist() == [0, 8]
    assert slots.batch(2)["hidden"].tolist() == [[0, 0], [2, 2]]
