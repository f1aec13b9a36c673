"""Log-probabilities of tokens, which native code computes."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from grps import top_logprobs


def reference(logits: np.ndarray) -> np.ndarray:
    wide = logits.astype(np.float64)
    shifted = wide - wide.max(axis=1, keepdims=True)
    found: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("count", [0, 1, 5, 1000])
def test_they_are_those_of_softmax(dtype: type, count: int) -> None:
    logits: np.ndarray = np.random.default_rng(3).normal(0, 6, (7, 1000)).astype(dtype)
    tokens = np.arange(7, dtype=np.int32) * 100
    expected = reference(logits)
    logprobs, top_ids, top = top_logprobs(logits, tokens, count)
    assert [one.dtype.name for one in (logprobs, top_ids, top)] == ["float32", "int64", "float32"]
    assert (logprobs.shape, top_ids.shape, top.shape) == ((7,), (7, count), (7, count))
    np.testing.assert_allclose(logprobs, expected[np.arange(7), tokens], atol=1e-5)
    order = np.argsort(-logits.astype(np.float64), axis=1, kind="stable")[:, :count]
    np.testing.assert_array_equal(top_ids, order)
    np.testing.assert_allclose(top, np.take_along_axis(expected, order, axis=1), atol=1e-5)


def test_what_is_no_number() -> None:
    logits = np.array([[np.nan, 0, 0], [np.inf, 0, np.inf], [-np.inf] * 3], np.float32)
    logprobs, top_ids, top = top_logprobs(logits, np.array([1, 0, 2]), 2)
    half = np.float32(-np.log(2))
    assert logprobs.tolist() == [half, half, -np.inf]
    assert top_ids.tolist() == [[1, 2], [0, 2], [0, 1]]
    assert top.tolist() == [[half, half], [half, half], [-np.inf, -np.inf]]


def test_rows_need_not_lie_next_to_each_other() -> None:
    logits = np.arange(24, dtype=np.float32).reshape(4, 6)
    slices = top_logprobs(logits[::2, ::2], np.array([0, 1, 2, 0])[::2], 1)
    copies = top_logprobs(logits[::2, ::2].copy(), np.array([0, 2]), 1)
    for one, other in zip(slices, copies, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_row_is_no_error() -> None:
    logprobs, top_ids, top = top_logprobs(np.zeros((0, 5), np.float32), np.zeros(0, np.int64), 5)
    assert (logprobs.shape, top_ids.shape, top.shape) == ((0,), (0, 5), (0, 5))


LOGITS = np.zeros((2, 3), np.float32)


@pytest.mark.parametrize(
    ("logits", "tokens", "count", "error", "cause"),
    [
        (LOGITS, [0, 3], 0, ValueError, "token 3 of row 1 is not below 3"),
        (LOGITS, [-1, 0], 0, ValueError, "token -1 of row 0 is not below 3"),
        (LOGITS, [0, 0], 4, ValueError, "count is 4, but the vocabulary has 3 tokens"),
        (LOGITS, [0, 0], -1, ValueError, "count is -1, not 0 or more"),
        (LOGITS, [0], 0, ValueError, "logits have 2 rows, tokens are 1"),
        (LOGITS, [[0], [0]], 0, TypeError, "tokens are int64 [2, 1], not integers [rows]"),
        (LOGITS, [0.5, 0], 0, TypeError, "tokens are float64 [2], not integers [rows]"),
        (LOGITS[0], [0], 0, TypeError, "logits are float32 [3], not float32 or float16"),
        (LOGITS.astype(float), [0, 0], 0, TypeError, "logits are float64 [2, 3], not float32"),
    ],
)
def test_what_is_refused(
    logits: np.ndarray, tokens: list[int], count: int, error: type[Exception], cause: str
) -> None:
    with pytest.raises(error) as raised:
        top_logprobs(logits, np.array(tokens), count)
    assert cause in str(raised.value)


def test_other_threads_run_meanwhile() -> None:
    logits = np.random.default_rng(3).normal(0, 6, (64, 50_000)).astype(np.float32)
    ended, seen = threading.Event(), []

    def compute() -> None:
        top_logprobs(logits, np.zeros(64, np.int64), 5)
        ended.set()

    thread = threading.Thread(target=compute)
    thread.start()
    while not ended.is_set():
        seen.append(1)
    thread.join()
    assert len(seen) > 100
