"""Step models of a project in its own tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from grps.errors import ConfigError, InputError, ModelError
from grps.inference.context import GrpsContext
from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.server.loading.local_steps import SequenceResult
from grps.server.testing import Executor
from tests.step_models import expected, series_model, write_series_project
from tests.support import no_user_code
from tests.tensors import arrays_of_message, to_message

MODELS = [
    series_model("two", {"max_batch_size": 2}),
    series_model("short", {"max_batch_size": 4, "steps": {"max_steps": 3}}),
    series_model("repeatable", {"max_batch_size": 4}, inferer_name="repeatable"),
    series_model(
        "parts",
        {"max_batch_size": 3, "steps": {"max_chunk": 2, "prefill_input": "x"}},
        inferer_name="positions",
    ),
    series_model(
        "costly",
        {"max_batch_size": 3, "steps": {"max_step_cost": 4, "prefill_input": "x"}},
    ),
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for a project, whose modules and registrations are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    with no_user_code():
        yield tmp_path


@pytest.fixture
def executor(project: Path) -> Executor:
    write_series_project(project, MODELS)
    return Executor()


def inputs(first: int, steps: int, positions: int = 2) -> dict[str, np.ndarray]:
    x = np.zeros(positions, np.int64)
    x[:2] = first, steps
    return {"x": x}


def made(result: SequenceResult) -> list[int]:
    assert result.error is None
    found: list[int] = result.outputs["y"].tolist()
    return found


def lines(project: Path, name: str) -> list[str]:
    return (project / name).read_text().splitlines()


def test_sequences_join_and_leave_a_batch(executor: Executor, project: Path) -> None:
    found = executor.infer_steps([inputs(1, 1), inputs(2, 4), inputs(3, 2), inputs(4, 1)], "two")
    assert list(map(made, found)) == [
        expected(first, steps) for first, steps in [(1, 1), (2, 4), (3, 2), (4, 1)]
    ]
    assert lines(project, "two-rows") == ["1 2", "2 3", "2 3", "2 4"]
    assert sorted(lines(project, "two-ended")) == ["1", "2", "3", "4"]


def test_a_message_is_one_sequence(executor: Executor) -> None:
    answer = executor.infer(to_message(inputs(5, 3)), GrpsContext(), "two-1.0.0")
    assert arrays_of_message(answer)["y"].tolist() == expected(5, 3)
    with pytest.raises(InputError, match="x is negative"):
        executor.infer(to_message(inputs(-5, 3)), GrpsContext(), "two")
    with pytest.raises(ModelError, match=r"model two-1\.0\.0: ValueError: step is broken"):
        executor.infer(to_message(inputs(103, 3)), GrpsContext(), "two")
    with pytest.raises(InputError, match="send gtensors"):
        executor.infer(GrpsMessage(str_data="x"), GrpsContext(), "two")


def test_steps_are_limited(executor: Executor) -> None:
    (found,) = executor.infer_steps([inputs(1, 100)], "short")
    assert made(found) == expected(1, 3)


@pytest.mark.parametrize(
    ("first", "kind", "text"),
    [
        (-1, InputError, "x is negative"),
        (13, ModelError, "ValueError: unlucky"),
        (104, ModelError, "ValueError: row is broken"),
        (105, InputError, "row is refused"),
        (106, ModelError, "begin returned [3] for slot 'value', whose rows are []"),
    ],
)
def test_a_sequence_fails_alone(
    executor: Executor, first: int, kind: type[Exception], text: str
) -> None:
    good, bad, other = executor.infer_steps([inputs(1, 3), inputs(first, 3), inputs(2, 2)], "two")
    assert [made(good), made(other)] == [expected(1, 3), expected(2, 2)]
    assert isinstance(bad.error, kind)
    assert str(bad.error) == text


@pytest.mark.parametrize(
    ("first", "text"),
    [
        (101, "output y of a step has shape [2], not 1 rows"),
        (102, "a step of 1 rows says of 2 whether they have finished"),
        (103, "ValueError: step is broken"),
        (107, "a step of 1 rows has the bytes of 2 states"),
        (108, "a step of 1 rows says that row 1 has failed"),
        (109, "output 'y' of a step holds texts"),
        (111, "step returned nothing; return a StepResult, or an array"),
        (
            112,
            "output 'y' of a step is float64 [1, 2], that of the one before was "
            "'y', float64 [1, 3]",
        ),
    ],
)
def test_what_a_server_refuses_is_refused(executor: Executor, first: int, text: str) -> None:
    (found,) = executor.infer_steps([inputs(first, 3)], "two")
    assert str(found.error) == text
    (good,) = executor.infer_steps([inputs(1, 2)], "two")
    assert made(good) == expected(1, 2)


def test_outputs_before_a_failure_are_kept(executor: Executor) -> None:
    (found,) = executor.infer_steps([inputs(112, 3)], "two")
    assert found.outputs["y"].shape == (1, 3)


def test_a_repeatable_step_is_repeated(executor: Executor) -> None:
    good, bad = executor.infer_steps([inputs(1, 3), inputs(120, 3)], "repeatable")
    assert made(good) == expected(1, 3)
    assert str(bad.error) == "ValueError: step is broken"


def test_prefill_is_divided(executor: Executor, project: Path) -> None:
    sequences = [inputs(1, 5, 2), inputs(2, 2, 5), inputs(3, 1, 3), inputs(4, 1, 2)]
    found = executor.infer_steps(sequences, "parts")
    assert list(map(made, found)) == [
        expected(positions, steps) for positions, steps in [(2, 5), (5, 2), (3, 1), (2, 1)]
    ]
    parts = [line.split() for line in lines(project, "parts-parts")]
    assert [part[1:] for part in parts if part[0] == "2"] == [["0", "2"], ["2", "4"], ["4", "5"]]
    assert lines(project, "parts-rows")[0] == "1"


def test_an_input_longer_than_a_step_is_refused(executor: Executor) -> None:
    fits, too_long = executor.infer_steps([inputs(1, 2, 3), inputs(2, 2, 4)], "costly")
    assert made(fits) == expected(1, 2)
    assert isinstance(too_long.error, InputError)
    assert str(too_long.error) == (
        "the input has 4 positions, but a step takes 3 at most (batching.steps.max_step_cost)"
    )


def test_the_inputs_of_a_test_are_not_changed(executor: Executor) -> None:
    x = inputs(1, 2)
    assert made(*executor.infer_steps([x], "two")) == made(*executor.infer_steps([x], "two"))
    assert executor.infer_steps([], "two") == []


def test_the_step_model_is_found(project: Path) -> None:
    write_series_project(project, [series_model("one")])
    assert made(*Executor().infer_steps([inputs(1, 2)])) == expected(1, 2)


@pytest.mark.parametrize("name", [None, "nonesuch"])
def test_a_wrong_name_is_told(executor: Executor, name: str | None) -> None:
    with pytest.raises(ConfigError, match=r"two-1\.0\.0, short-1\.0\.0"):
        executor.infer_steps([inputs(1, 2)], name)


def test_a_model_that_lacks_a_method_is_not_loaded(project: Path) -> None:
    write_series_project(project, [series_model("m", {"steps": {"max_chunk": 2}})])
    with pytest.raises(ModelError, match="needs a prefill method, which Series has not"):
        Executor()
