"""Engines with threads of their own as step models, with an engine that does as it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Thread
from typing import Any, ClassVar

import numpy as np
import pytest

from grps.backends.common.language.model_files import LanguageFiles
from grps.backends.common.language.running_engine import RunningEngine, RunningSequence
from grps.errors import InputError, ModelError
from grps.inference.steps.model import StepBatch, StepRequest


class Told(RunningEngine):
    """Generates nothing by itself."""

    def load(self) -> None:
        self.files = LanguageFiles("{}", None, {}, (), 4)
        self.vocabulary = 8
        self.added: list[tuple[Sequence[int], Any]] = []
        self.sequences: list[RunningSequence] = []
        self.most = 8

    def options(self, inputs: Mapping[str, np.ndarray], room: int) -> Any:
        if "bad" in inputs:
            raise InputError("bad")
        return room

    def add(self, prompt: Sequence[int], options: Any, sequence: RunningSequence) -> None:
        if len(self.added) == self.most:
            raise RuntimeError("no thread")
        self.added.append((prompt, options))
        self.sequences.append(sequence)


class Listing(Told):
    """Knows the likeliest tokens of each position, and how full its cache is."""

    optional_inputs: ClassVar[frozenset[str]] = frozenset({"top_logprobs"})

    def cache_usage(self) -> float:
        return 0.25


@pytest.fixture
def engine() -> Told:
    made = Told()
    made.load()
    return made


def request(tokens: Any = (1, 2), **inputs: Any) -> StepRequest:
    given = {"tokens": np.array(tokens, np.int64), **inputs}
    return StepRequest({name: np.asarray(array) for name, array in given.items()}, "id")


def test_what_was_added_before_one_that_can_not_be_is_cancelled(engine: Told) -> None:
    engine.most = 2
    with pytest.raises(RuntimeError, match="no thread"):
        engine.begin([request(), request(), request()])
    assert [engine.deliver(one, [5], [0.0]) for one in engine.sequences] == [False, False]


def test_what_was_generated_is_delivered_once(engine: Told) -> None:
    first, second = engine.begin([request(), request((1, 2, 3))])
    assert engine.added == [([1, 2], 2), ([1, 2, 3], 1)]
    assert engine.deliver(first, [5, 6], [-1.0, -2.0])
    engine.close(second)
    made = engine.step(StepBatch({}, [first, second]))
    assert isinstance(made.outputs, Mapping)
    assert made.outputs["token"].tolist() == [5, 6]
    assert made.outputs["logprob"].tolist() == [-1, -2]
    assert (made.lengths, made.finished) == ([2, 0], [False, True])
    assert engine.step(StepBatch({}, [first])).lengths == [0]


def test_the_likeliest_tokens_are_rows_of_equal_length() -> None:
    engine = Listing()
    engine.load()
    first, second = engine.begin([request(), request()])
    engine.deliver(first, [5, 6], [-1, -2], [([5, 7], [-1, -3]), ([], [])])
    engine.deliver(second, [4], [-1], [(range(20), [-1.0] * 20)])
    made = engine.step(StepBatch({}, [first, second]))
    assert isinstance(made.outputs, Mapping)
    tops = made.outputs["top_token"]
    assert tops.shape == made.outputs["top_logprob"].shape == (3, 20)
    assert tops[0].tolist() == [5, 7, *[-1] * 18]
    assert tops[1].tolist() == [-1] * 20
    assert tops[2].tolist() == list(range(20))
    assert made.outputs["top_logprob"][0, :3].tolist() == [-1, -3, 0]
    assert made.cache_usage == 0.25
    again = engine.step(StepBatch({}, [first, second]))
    assert isinstance(again.outputs, Mapping)
    assert again.outputs["top_token"].shape == (0, 20)


def test_a_step_gets_what_a_thread_generates(engine: Told) -> None:
    [sequence] = engine.begin([request()])
    thread = Thread(target=engine.deliver, args=(sequence, [7], [0.0]))
    thread.start()
    before = sum(engine.step(StepBatch({}, [sequence])).lengths)
    thread.join()
    assert before + sum(engine.step(StepBatch({}, [sequence])).lengths) == 1


def test_a_sequence_that_has_ended_is_generated_no_more(engine: Told) -> None:
    [sequence] = engine.begin([request()])
    engine.end([sequence])
    assert not engine.deliver(sequence, [1], [0.0])
    assert not sequence.tokens


def test_an_engine_that_fails_fails_its_sequence_alone(engine: Told) -> None:
    first, second = engine.begin([request(), request()])
    engine.close(first, ModelError("broken"))
    engine.close(first)
    made = engine.step(StepBatch({}, [first, second]))
    assert {row: str(error) for row, error in made.failed.items()} == {0: "broken"}
    assert made.finished == [True, False]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (request(()), "no tokens"),
        (request((-1,)), "from 0 to 7"),
        (request((8,)), "from 0 to 7"),
        (request((1,) * 4), "4 tokens"),
        (request(bad=[1]), "bad"),
    ],
)
def test_what_is_refused_leaves_nothing_in_the_engine(
    engine: Told, wrong: StepRequest, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        engine.begin([request((7,) * 3), wrong])
    assert engine.added == []
