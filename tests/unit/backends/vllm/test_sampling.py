"""What requests ask of vLLM."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from grps.backends.vllm.sampling import sampling_params
from grps.errors import InputError


def params(room: int = 10, **inputs: Any) -> dict[str, Any]:
    given = {name: np.asarray(value) for name, value in inputs.items()}
    return sampling_params(given, (2,), 100, room)


def test_without_wishes_the_likeliest_token_is_taken() -> None:
    made = params()
    assert (made["temperature"], made["top_k"], made["top_p"], made["min_p"]) == (0, 0, 1, 0)
    assert (made["max_tokens"], made["min_tokens"]) == (10, 0)
    assert (made["stop_token_ids"], made["ignore_eos"]) == ([2], False)
    assert not {"seed", "logprobs", "logit_bias", "structured_outputs"} & made.keys()
    assert made["detokenize"] is False


@pytest.mark.parametrize(("asked", "given"), [(9, 9), (10, 10), (11, 10)])
def test_the_room_limits_the_answer(asked: int, given: int) -> None:
    made = params(max_tokens=[asked], min_tokens=[asked])
    assert (made["max_tokens"], made["min_tokens"]) == (given, given)


@pytest.mark.parametrize(
    ("inputs", "field", "value"),
    [
        ({"seed": [7]}, "seed", 7),
        ({"seed": [-1]}, "seed", 2**64 - 1),
        ({"logprobs": [1]}, "logprobs", 0),
        ({"top_logprobs": [20]}, "logprobs", 20),
        ({"logprobs": [1], "top_logprobs": [3]}, "logprobs", 3),
        ({"temperature": [2.0]}, "temperature", 2),
        ({"stop_tokens": [7, 5]}, "stop_token_ids", [2, 5, 7]),
        ({"ignore_eos": [1], "stop_tokens": [5]}, "stop_token_ids", [5]),
        ({"logit_bias": [1.5, -2], "logit_bias_tokens": [4, 6]}, "logit_bias", {4: 1.5, 6: -2}),
        ({"regex": ["a+"]}, "structured_outputs", {"regex": "a+"}),
        ({"grammar": ["start: A"]}, "structured_outputs", {"grammar": "start: A"}),
        ({"json_schema": ["{}"]}, "structured_outputs", {"json": "{}"}),
        ({"choice": ["a", "b"]}, "structured_outputs", {"choice": ["a", "b"]}),
        ({"choice": ["a" * 65_536]}, "structured_outputs", {"choice": ["a" * 65_536]}),
    ],
)
def test_what_is_passed_on(inputs: dict[str, Any], field: str, value: Any) -> None:
    assert params(**inputs)[field] == value


def test_a_structure_may_end_though_ends_are_ignored() -> None:
    assert params(ignore_eos=[1])["ignore_eos"]
    assert not params(ignore_eos=[1], regex=["a"])["ignore_eos"]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"temperature": [2.1]}, "vLLM takes 0 to 2"),
        ({"temperature": [float("nan")]}, "temperature is nan"),
        ({"top_p": [0.0]}, "top_p is 0.0"),
        ({"top_logprobs": [21]}, "top_logprobs is 21"),
        ({"logit_bias": [1.0], "logit_bias_tokens": [100]}, "from 0 to 99"),
        ({"stop_tokens": [100]}, "from 0 to 99"),
        ({"regex": ["a"], "choice": ["a"]}, "regex and choice can't be used together"),
        ({"choice": [""]}, "not empty"),
        ({"regex": ["a" * 65_537]}, "more than 65536 bytes"),
    ],
)
def test_what_is_refused(inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        params(**inputs)
