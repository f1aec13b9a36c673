"""What requests ask of TensorRT-LLM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grps.backends.tensorrt_llm.sampling import Generation, generation_of
from grps.errors import InputError


def made(**inputs: Any) -> Generation:
    given = {name: np.asarray(value) for name, value in inputs.items()}
    return generation_of(given, (2,), 100, 10)


def test_without_wishes_the_likeliest_token_is_taken() -> None:
    found = made()
    assert found.sampling["top_k"] == 1
    assert not {"temperature", "seed", "min_tokens"} & found.sampling.keys()
    assert (found.max_tokens, found.end_tokens, found.wants_logprobs) == (10, (2,), False)


def test_what_is_passed_on() -> None:
    found = made(temperature=[0.5], top_p=[0.9], seed=[7], min_tokens=[11], stop_tokens=[5])
    assert (found.sampling["temperature"], found.sampling["top_p"]) == (0.5, 0.9)
    assert (found.sampling["top_k"], found.sampling["seed"]) == (0, 7)
    assert (found.sampling["min_tokens"], found.end_tokens) == (10, (2, 5))
    assert made(ignore_eos=[1]).end_tokens == ()
    assert made(logprobs=[1]).wants_logprobs


@pytest.mark.parametrize(("asked", "given"), [(9, 9), (10, 10), (11, 10)])
def test_the_room_limits_the_answer(asked: int, given: int) -> None:
    assert made(max_tokens=[asked]).max_tokens == given


@pytest.mark.parametrize("name", ["json_schema", "regex", "grammar", "choice"])
def test_structures_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: TensorRT-LLM makes no structured output"):
        made(**{name: ["a"]})
