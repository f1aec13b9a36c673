"""Running a model on joined rows, and what happens when it fails."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grps.errors import InputError
from grps.inference.channel import Batch, NamedArray
from grps.inference.tensor_runner import EngineModel, TensorRunner
from tests.unit.inference.entries import FakeBatch, FakeEntry, rows


class Double:
    """Doubles its input, notes the shapes it saw, and fails where it meets a 13."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def run(self, tensors: list[NamedArray], batch: Batch) -> list[NamedArray]:
        ((_, array),) = tensors
        self.seen.append(array.shape)
        if (array == 13).any():
            raise ValueError("13 is unlucky")
        return [("y", array * 2)]


def outcomes(entries: Sequence[FakeEntry]) -> list[object]:
    return [entry.outcome for entry in entries]


def doubled(*values: float) -> tuple[str, dict[str, list[list[float]]]]:
    return ("tensors", {"y": [[2 * value] for value in values]})


def test_the_rows_of_a_batch_run_at_once() -> None:
    model = Double()
    entries = [rows(1), rows(2, 3), rows(4)]
    TensorRunner(model, "m").run(FakeBatch(entries))
    assert model.seen == [(4, 1)]
    assert outcomes(entries) == [doubled(1), doubled(2, 3), doubled(4)]


def test_a_bad_request_fails_alone() -> None:
    model = Double()
    entries = [rows(1), rows(13), rows(2)]
    TensorRunner(model, "m").run(FakeBatch(entries))
    assert outcomes(entries) == [
        doubled(1),
        ("failed", "ValueError: 13 is unlucky (request id id-1)"),
        doubled(2),
    ]
    assert model.seen == [(3, 1), (1, 1), (1, 1), (1, 1)]


class Panics(Double):
    """Raises what is no ``Exception``, as native code of a tokenizer does when it panics."""

    def run(self, tensors: list[NamedArray], batch: Batch) -> list[NamedArray]:
        try:
            return super().run(tensors, batch)
        except ValueError as error:
            raise BaseException("panicked") from error


def test_a_request_that_panics_fails_alone() -> None:
    model = Panics()
    entries = [rows(1), rows(13), rows(2)]
    TensorRunner(model, "m").run(FakeBatch(entries))
    panicked = ("failed", "BaseException: panicked (request id id-1)")
    assert outcomes(entries) == [doubled(1), panicked, doubled(2)]


class Sum:
    """Does not keep its rows."""

    def run(self, tensors: list[NamedArray], batch: Batch) -> list[NamedArray]:
        return [("y", tensors[0][1].sum(axis=0))]


def test_a_model_that_does_not_keep_rows_runs_one_by_one() -> None:
    entries = [rows(1, 2), rows(3)]
    TensorRunner(Sum(), "m").run(FakeBatch(entries))
    assert outcomes(entries) == [("tensors", {"y": [3]}), ("tensors", {"y": [3]})]


def test_a_request_that_was_answered_is_not_run_again() -> None:
    class Choosy(Double):
        def run(self, tensors: list[NamedArray], batch: Batch) -> list[NamedArray]:
            if len(batch) > 1:
                batch.entries()[0].fail("not this one")
            return super().run(tensors, batch)

    model = Choosy()
    entries = [rows(1), rows(13), rows(2)]
    TensorRunner(model, "m").run(FakeBatch(entries))
    assert outcomes(entries)[::2] == [("failed", "not this one"), doubled(2)]
    assert model.seen == [(3, 1), (1, 1), (1, 1)]


def test_a_refusal_is_the_clients() -> None:
    class Picky:
        def infer(self, inputs: Sequence[np.ndarray]) -> list[NamedArray]:
            raise InputError("no such token")

    entry = rows(1)
    TensorRunner(EngineModel(Picky()), "m").run(FakeBatch([entry]))
    assert entry.outcome == ("refused", "no such token")
