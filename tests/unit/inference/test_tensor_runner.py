"""Joining requests into batches and splitting their answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from grps.errors import InputError
from grps.inference.channel import Entry, NamedArray
from grps.inference.tensor_runner import BatchingTensorRunner, EngineModel, TensorRunner
from tests.unit.inference.entries import FakeEntry, rows


class Double:
    """Doubles its input, notes the shapes it saw, and fails where it meets a 13."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def run(self, tensors: list[NamedArray], entries: Sequence[Entry]) -> list[NamedArray]:
        ((_, array),) = tensors
        self.seen.append(array.shape)
        if (array == 13).any():
            raise ValueError("13 is unlucky")
        return [("y", array * 2)]


def outcomes(entries: Sequence[FakeEntry]) -> list[object]:
    return [entry.outcome for entry in entries]


def doubled(*values: float) -> tuple[str, dict[str, list[list[float]]]]:
    return ("tensors", {"y": [[2 * value] for value in values]})


def test_rows_of_several_requests_are_joined_and_split_again() -> None:
    model = Double()
    entries = [rows(1), rows(2, 3), rows(4)]
    BatchingTensorRunner(model, "m", 8).run(entries)
    assert model.seen == [(4, 1)]
    assert outcomes(entries) == [doubled(1), doubled(2, 3), doubled(4)]


def test_a_batch_never_has_too_many_rows() -> None:
    model = Double()
    entries = [rows(1), rows(2), rows(3), rows(4), rows(5)]
    BatchingTensorRunner(model, "m", 2).run(entries)
    assert model.seen == [(2, 1), (2, 1), (1, 1)]
    model.seen.clear()
    large = [rows(1), rows(2, 3, 4), rows(5)]
    BatchingTensorRunner(model, "m", 2).run(large)
    assert model.seen == [(1, 1), (3, 1), (1, 1)]
    assert outcomes(large) == [doubled(1), doubled(2, 3, 4), doubled(5)]


def test_only_what_fits_together_is_joined() -> None:
    model = Double()
    wide = FakeEntry([("x", np.zeros((1, 2), np.float32))])
    entries = [rows(1), wide, rows(2, dtype=np.int64), rows(3, name="z"), rows(4)]
    BatchingTensorRunner(model, "m", 8).run(entries)
    assert sorted(model.seen) == [(1, 1), (1, 1), (1, 2), (2, 1)]
    assert all(entry.outcome and entry.outcome[0] == "tensors" for entry in entries)


def test_a_bad_request_fails_alone() -> None:
    model = Double()
    entries = [rows(1), rows(13), rows(2)]
    BatchingTensorRunner(model, "m", 8).run(entries)
    assert outcomes(entries) == [
        doubled(1),
        ("failed", "ValueError: 13 is unlucky (request id id-1)"),
        doubled(2),
    ]
    assert model.seen == [(3, 1), (1, 1), (1, 1), (1, 1)]


def test_requests_without_rows_run_alone() -> None:
    model = Double()
    scalar = FakeEntry([("x", np.array(3, np.float32))])
    BatchingTensorRunner(model, "m", 8).run([scalar, rows(1)])
    assert scalar.outcome == ("tensors", {"y": 6})


class Sum:
    """Does not keep its rows."""

    def run(self, tensors: list[NamedArray], entries: Sequence[Entry]) -> list[NamedArray]:
        return [("y", tensors[0][1].sum(axis=0))]


def test_a_model_that_does_not_keep_rows_runs_one_by_one() -> None:
    entries = [rows(1, 2), rows(3)]
    BatchingTensorRunner(Sum(), "m", 8).run(entries)
    assert outcomes(entries) == [("tensors", {"y": [3]}), ("tensors", {"y": [3]})]


def test_a_refusal_is_the_clients() -> None:
    class Picky:
        def infer(self, inputs: Sequence[np.ndarray]) -> list[NamedArray]:
            raise InputError("no such token")

    entry = rows(1)
    TensorRunner(EngineModel(Picky()), "m").run([entry])
    assert entry.outcome == ("refused", "no such token")


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 40])
def test_nothing_is_lost_or_mixed_up(count: int) -> None:
    entries = [rows(*range(100 + index, 101 + index + index % 3)) for index in range(count)]
    BatchingTensorRunner(Double(), "m", 8).run(entries)
    for index, entry in enumerate(entries):
        assert entry.outcome == doubled(*range(100 + index, 101 + index + index % 3))
