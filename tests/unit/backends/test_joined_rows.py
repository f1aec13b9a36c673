"""Models whose rows depend on each other, found by running joined rows."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
import pytest

from grps.backends.joined_rows import joining_fault
from grps.errors import InputError

Model = Callable[..., np.ndarray]


def fault(model: Model, *inputs: np.ndarray, most: int | None = None) -> str | None:
    return joining_fault(lambda arrays: [("y", model(*arrays))], inputs, most)


ROW = np.ones((1, 3), np.float32)
IDS = np.ones((1, 3), np.int64)


def softmax(x: np.ndarray, axis: int) -> np.ndarray:
    powers = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def attention(x: np.ndarray) -> np.ndarray:
    return np.asarray(x + softmax(x @ x.T / len(x.T), 1) @ x)


@pytest.mark.parametrize(
    "model",
    [
        lambda x: softmax(x, 0),
        lambda x: np.cumsum(x, axis=0),
        lambda x: x - x.mean(axis=0),
        lambda x: x + x.mean(axis=0),
        lambda x: x / np.abs(x).max(axis=0),
        lambda x: x[::-1],
        lambda x: np.roll(x, 1, axis=0),
        lambda x: np.sort(x, axis=0),
        lambda x: np.argsort(x, axis=0),
        lambda x: np.repeat(x.max(axis=0, keepdims=True), len(x), axis=0),
        attention,
    ],
)
def test_values_that_depend_on_other_rows_are_found(model: Model) -> None:
    found = "output y of a row depends on the other rows that run with it"
    assert fault(model, ROW) == found
    assert fault(model, ROW.astype(np.float64)) == found


def test_values_of_whole_numbers_are_found() -> None:
    assert fault(lambda x: np.cumsum(x, axis=0), IDS) is not None
    assert fault(lambda x: np.array([str(x.sum())] * len(x), dtype=object), IDS) is not None


@pytest.mark.parametrize(
    ("model", "inputs", "cause"),
    [
        (lambda a, b: a @ b.T, (ROW, ROW), "the shape of output y depends on the rows"),
        (lambda x: np.array(np.nonzero(x)), (ROW,), "has not one row for each row"),
        (lambda x: x.sum(axis=0), (ROW,), "has not one row for each row"),
        (lambda x: x.sum(), (ROW,), "has not one row for each row"),
        (lambda x: x.reshape(-1), (ROW,), "has not one row for each row"),
        (np.unique, (np.array(["a"], object),), "has not one row"),
        (lambda a, b: a, (ROW, np.ones((2, 1))), "its inputs have different numbers of rows"),
    ],
)
def test_shapes_that_depend_on_other_rows_are_found(
    model: Model, inputs: tuple[np.ndarray, ...], cause: str
) -> None:
    assert cause in str(fault(model, *inputs))


def test_a_model_of_one_row_is_found() -> None:
    def model(x: np.ndarray) -> np.ndarray:
        if len(x) != 1:
            raise InputError("can't reshape [2,3] to [1,3]")
        return x

    assert fault(model, ROW) == (
        "it fails on the rows of several requests: can't reshape [2,3] to [1,3]"
    )
    assert fault(model, ROW, most=1) is None


@pytest.mark.parametrize(
    "model",
    [
        lambda x: x,
        lambda x: softmax(x, 1),
        np.sqrt,
        lambda x: x.argmax(axis=1),
        lambda x: np.round(x * 50) / 50,
        lambda x: x - x + np.float32(1e-9) * len(x),
        lambda x: x @ np.ones((3, 2), np.float32) * (1 + 0.05 * len(x)),  # as if it was quantised
        lambda x: np.full((len(x), 2), np.nan, np.float32),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_rows_that_do_not_depend_on_others_are_joined(model: Model) -> None:
    assert fault(model, ROW) is None
    assert fault(model, np.ones((2, 3), np.float16)) is None


def test_a_model_of_random_numbers_is_joined() -> None:
    random = np.random.default_rng(7)
    assert fault(lambda x: x * random.random(x.shape), ROW) is None
    calls = count(1)
    assert fault(lambda x: x * next(calls), ROW) is None


def test_a_request_that_the_model_refuses_is_not_compared() -> None:
    def only_ones(x: np.ndarray) -> np.ndarray:
        if (x != 1).any():
            raise InputError("unknown category")
        return x / len(x)

    assert fault(only_ones, ROW) is not None


def test_rows_are_filled_up_to_the_sizes_of_batches() -> None:
    seen = []

    def run(arrays: list[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        seen.append(len(arrays[0]))
        return [("y", arrays[0])]

    assert joining_fault(run, [ROW], None, [1, 4, 8]) is None
    assert max(seen) == 4
    assert joining_fault(run, [ROW], None, [1]) is None
