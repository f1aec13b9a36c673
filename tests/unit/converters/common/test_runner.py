"""Running an engine between the halves of a built-in converter."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from grps.backends.backend import Signature, TensorSpec
from grps.config.parts.batching import BatchingConfig
from grps.config.schema import ModelConfig
from grps.converters.choice import most_rows
from grps.converters.common.model_inputs import ModelInputs
from grps.converters.common.rows import RowEngine
from grps.converters.common.runner import ConvertingRunner
from grps.errors import ModelError
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.unit.converters.support import converter, signature
from tests.unit.inference.entries import FakeBatch, FakeEntry, text

ROWS = signature(TensorSpec("x", "float32", (None, 3)))


class Passes:
    """A backend whose scores are its rows; notes how many rows each run had."""

    signature = ROWS

    def __init__(self) -> None:
        self.runs: list[int] = []
        self.inside = 0
        self.fails_over = 1000
        self.rows_lost = 0
        self.raises: BaseException = ModelError("too many rows")

    def infer(self, inputs: Any) -> list[tuple[str, np.ndarray]]:
        self.inside += 1
        assert self.inside == 1
        self.runs.append(len(inputs[0]))
        self.inside -= 1
        if len(inputs[0]) > self.fails_over:
            raise self.raises
        return [("scores", inputs[0][self.rows_lost :] * 2)]


def request(*best: int, streaming: bool = False) -> FakeEntry:
    """A request of rows, of which the given scores are the best."""
    return FakeEntry(to_message([("x", np.eye(3, dtype=np.float32)[list(best)])]), streaming)


def run(backend: Passes, *entries: FakeEntry, most: int | None = None) -> None:
    made = converter("labels", ROWS, top_k=1)
    engine = RowEngine(backend, {}, most)
    ConvertingRunner(made.reader, engine, made.writer, "m-1").run(FakeBatch(entries))


def indices(message: GrpsMessage) -> list[list[int]]:
    found: list[list[int]] = dict(to_arrays(message))["index"].tolist()
    return found


def answered(entry: FakeEntry) -> list[list[int]]:
    assert entry.outcome is not None
    assert entry.outcome[0] == "message", entry.outcome
    return indices(entry.outcome[1])


def test_each_request_of_a_batch_gets_its_own_rows() -> None:
    backend, entries = Passes(), [request(0), request(1, 2), request(2)]
    run(backend, *entries)
    assert backend.runs == [4]
    assert [answered(entry) for entry in entries] == [[[0]], [[1], [2]], [[2]]]
    assert entries[0].marks == ["preprocess", "infer"]


def test_a_request_that_can_not_be_decoded_costs_the_others_nothing() -> None:
    backend, entries = Passes(), [request(0), text("no tensors"), request(1)]
    run(backend, *entries)
    assert backend.runs == [2]
    assert [answered(entries[0]), answered(entries[2])] == [[[0]], [[1]]]
    assert entries[1].outcome is not None
    assert entries[1].outcome[0] == "refused"


def test_nothing_runs_when_nothing_can_be_decoded() -> None:
    backend, entry = Passes(), text("no tensors")
    run(backend, entry)
    assert backend.runs == []
    assert entry.outcome is not None


def test_a_batch_that_fails_is_run_one_by_one() -> None:
    backend, entries = Passes(), [request(0), request(1, 2), request(2)]
    backend.fails_over = 1
    run(backend, *entries)
    assert backend.runs == [4, 1, 2, 1]
    assert [answered(entries[0]), answered(entries[2])] == [[[0]], [[2]]]
    assert entries[1].outcome == ("failed", "too many rows (request id id-1)")


def test_a_model_that_loses_rows_is_told_of() -> None:
    backend, entries = Passes(), [request(0, 1), request(2, 0)]
    backend.rows_lost = 1
    run(backend, *entries)
    # Alone, whatever a model answers is its answer.
    assert [answered(entry) for entry in entries] == [[[1]], [[0]]]
    assert backend.runs == [4, 2, 2]


def test_who_wants_chunks_gets_one_and_none_of_a_batch_that_failed() -> None:
    backend, entries = Passes(), [request(0, streaming=True), request(1, streaming=True)]
    backend.fails_over = 1
    run(backend, *entries)
    assert backend.runs == [2, 1, 1]
    for index, entry in enumerate(entries):
        (chunk,) = entry.chunks
        assert indices(chunk) == [[index]]


@pytest.mark.parametrize(
    ("most", "runs"), [(None, [5]), (5, [5]), (4, [4, 1]), (2, [2, 2, 1]), (1, [1] * 5)]
)
def test_no_run_has_more_rows_than_allowed(most: int | None, runs: list[int]) -> None:
    backend, entries = Passes(), [request(0, 1, 2), request(2, 1)]
    run(backend, *entries, most=most)
    assert backend.runs == runs
    assert [answered(entry) for entry in entries] == [[[0], [1], [2]], [[2], [1]]]


def test_one_run_at_a_time_from_many_threads() -> None:
    backend, entries = Passes(), [request(0) for _ in range(8)]
    engine = RowEngine(backend, {}, None)
    made = converter("labels", ROWS, top_k=1)
    runner = ConvertingRunner(made.reader, engine, made.writer, "m-1")
    threads = [threading.Thread(target=runner.run, args=(FakeBatch([entry]),)) for entry in entries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert backend.runs == [1] * 8
    assert [answered(entry) for entry in entries] == [[[0]]] * 8
    assert runner.close(None)


def test_constants_are_whole_in_every_part_of_a_run() -> None:
    class Two(Passes):
        signature = Signature((*ROWS.inputs, TensorSpec("k", "int64", (2,))), (), True)

        def infer(self, inputs: Any) -> list[tuple[str, np.ndarray]]:
            assert inputs[1].tolist() == [7, 8]
            return super().infer(inputs)

    backend = Two()
    engine = RowEngine(backend, {"k": np.array([7, 8])}, 1)
    assert engine.run({"x": np.eye(3, dtype=np.float32)})["scores"].shape == (3, 3)
    assert backend.runs == [1, 1, 1]


@pytest.mark.parametrize(
    ("first", "batching", "most"),
    [
        (None, None, None),
        (1, None, 1),
        (None, BatchingConfig(type="dynamic", max_batch_size=4), 4),
        (1, BatchingConfig(type="dynamic", max_batch_size=4), 1),
        (None, BatchingConfig(type="none", max_batch_size=4), None),
    ],
)
def test_the_limit_of_rows_is_the_models(
    first: int | None, batching: BatchingConfig | None, most: int | None
) -> None:
    config = ModelConfig(name="m", version="1", inferer_type="torch", batching=batching)
    inputs = ModelInputs(signature(TensorSpec("x", "float32", (first, 3))), {})
    assert most_rows(config, inputs) == most


def test_what_native_code_raises_costs_its_request_only() -> None:
    backend, entries = Passes(), [request(0), request(1, 2), request(2)]
    backend.fails_over, backend.raises = 1, BaseException("panicked")
    run(backend, *entries)
    assert backend.runs == [4, 1, 2, 1]
    assert [answered(entries[0]), answered(entries[2])] == [[[0]], [[2]]]
    assert entries[1].outcome == ("failed", "BaseException: panicked (request id id-1)")
