"""What inputs of language models may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grps.backends.common.language.inputs import seed_of, text_of, tokens_of
from grps.errors import InputError


@pytest.mark.parametrize(
    ("given", "seed"), [([7], 7), ([10], 0), ([-1], 9), ([3.0], 3), ([True], 1), (4, 4)]
)
def test_seeds(given: Any, seed: int) -> None:
    assert seed_of(np.array(given), 10) == seed


@pytest.mark.parametrize("given", [[1.5], [float("nan")], [float("inf")], ["1"], [1, 2], []])
def test_other_seeds_are_refused(given: Any) -> None:
    with pytest.raises(InputError, match="input seed"):
        seed_of(np.array(given), 10)


def test_tokens() -> None:
    assert tokens_of("stop", None).tolist() == []
    assert tokens_of("stop", np.array([])).tolist() == []
    assert tokens_of("stop", np.array([[0, 2]], np.uint8), 3).tolist() == [0, 2]
    assert tokens_of("stop", np.array(2**31 - 1)).tolist() == [2**31 - 1]


@pytest.mark.parametrize(
    ("given", "vocabulary", "words"),
    [
        ([3], 3, "tokens are numbers from 0 to 2"),
        ([0, -1], 3, "tokens are numbers from 0 to 2"),
        ([2**31], None, "tokens are numbers from 0 to 2147483647"),
        ([-1], None, "tokens are numbers from 0 to"),
        ([1.0], None, "float64, not tokens"),
        (["1"], None, "not tokens"),
    ],
)
def test_other_tokens_are_refused(given: Any, vocabulary: int | None, words: str) -> None:
    with pytest.raises(InputError, match=f"input stop.*{words}"):
        tokens_of("stop", np.array(given), vocabulary)


def test_texts() -> None:
    assert text_of("adapter", np.array(["a"], object)) == "a"
    for given in ([], [""], ["a", "b"]):
        with pytest.raises(InputError, match="input adapter has"):
            text_of("adapter", np.array(given, object))
