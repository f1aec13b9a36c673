"""How tokens are drawn: the laws that each option promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grps.backends.common.language.options import MOST_TOP, Options, read_options
from grps.backends.decoder.sampling import Sampler, drawn, likeliest
from grps.errors import InputError

LOGITS = np.log(np.array([0.5, 0.25, 0.125, 0.0625, 0.0625], np.float32))
GRID = np.linspace(0, 1, 4001)[:-1]
"""Random numbers that are spread evenly, so that shares of tokens are their probabilities."""


def shares(**options: Any) -> list[float]:
    """Return how often each token is drawn."""
    asked = Options(temperature=options.pop("temperature", 1.0), **options)
    tokens = [drawn(LOGITS, asked, uniform) for uniform in GRID]
    return list(np.bincount(tokens, minlength=len(LOGITS)) / len(GRID))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.5, 0.25, 0.125, 0.0625, 0.0625]),
        ({"temperature": 0.5}, [0.7442, 0.186, 0.0465, 0.0116, 0.0116]),
        ({"top_k": 1}, [1, 0, 0, 0, 0]),
        ({"top_k": 2}, [2 / 3, 1 / 3, 0, 0, 0]),
        ({"top_k": 9}, [0.5, 0.25, 0.125, 0.0625, 0.0625]),
        ({"top_p": 0.5}, [1, 0, 0, 0, 0]),
        ({"top_p": 0.51}, [2 / 3, 1 / 3, 0, 0, 0]),
        ({"top_p": 0.87}, [4 / 7, 2 / 7, 1 / 7, 0, 0]),
        ({"min_p": 0.2}, [4 / 7, 2 / 7, 1 / 7, 0, 0]),
        ({"min_p": 0.3}, [2 / 3, 1 / 3, 0, 0, 0]),
        ({"min_p": 1.0}, [1, 0, 0, 0, 0]),
        ({"top_k": 3, "top_p": 0.6}, [2 / 3, 1 / 3, 0, 0, 0]),
    ],
)
def test_tokens_are_drawn_by_their_probabilities(
    options: dict[str, Any], expected: list[float]
) -> None:
    np.testing.assert_allclose(shares(**options), expected, atol=0.005)


@given(
    st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40),
    st.floats(0.01, 5),
    st.floats(0.01, 1),
    st.integers(1, 50),
    st.floats(0, 1),
    st.floats(0, 1, exclude_max=True),
)
def test_any_options_draw_a_token(
    logits: list[float], temperature: float, top_p: float, top_k: int, min_p: float, uniform: float
) -> None:
    options = Options(temperature=temperature, top_p=top_p, top_k=top_k, min_p=min_p)
    values = np.array(logits, np.float32)
    token = drawn(values, options, uniform)
    kept = np.sort(values)[::-1][: min(top_k, len(values))]
    assert values[token] >= kept[-1]


def test_a_token_without_probability_is_never_drawn() -> None:
    logits = np.array([-np.inf, 0, -np.inf], np.float32)
    for uniform in (0.0, 0.5, np.nextafter(1, 0)):
        assert drawn(logits, Options(temperature=1), uniform) == 1


def chosen(count: int, logits: np.ndarray = LOGITS, **options: Any) -> list[int]:
    sampler = Sampler(Options(**options), np.array([0]))
    tokens = []
    for _ in range(count):
        tokens.append(sampler.choose(logits))
        sampler.note(tokens[-1])
    return tokens


def test_a_seed_gives_the_same_tokens_and_another_one_others() -> None:
    first = chosen(40, temperature=1.0, seed=5)
    assert chosen(40, temperature=1.0, seed=5) == first
    assert chosen(40, temperature=1.0, seed=6) != first
    assert len(set(first)) > 1


def test_a_sequence_that_begins_again_goes_on_as_it_would_have() -> None:
    options = Options(temperature=1.0, seed=5, frequency_penalty=1.0)
    whole = chosen(30, temperature=1.0, seed=5, frequency_penalty=1.0)
    again = Sampler(options, np.array([0]))
    for token in whole[:20]:
        again.note(token)
    for token in whole[20:]:
        assert again.choose(LOGITS) == token
        again.note(token)


def test_without_a_temperature_the_likeliest_is_taken() -> None:
    assert chosen(3) == [0, 0, 0]
    assert chosen(3, temperature=1e-6) == [0, 0, 0]


def test_biases_are_added() -> None:
    biased, biases = np.array([3, 0]), np.array([100, -100], np.float32)
    assert chosen(2, biased=biased, biases=biases) == [3, 3]


def test_penalties_are_those_of_openai_and_of_transformers() -> None:
    # 0 is 0.69 above 1, which is as much above 2.
    assert chosen(3, presence_penalty=0.7) == [0, 1, 0]
    assert chosen(4, frequency_penalty=0.7) == [0, 1, 0, 2]
    positive = np.array([4, 3, 1], np.float32)
    # The prompt has token 0.
    assert chosen(2, logits=positive, repetition_penalty=1.5) == [1, 0]
    negative = np.array([-1, -1.4, -9], np.float32)
    assert chosen(1, logits=negative, repetition_penalty=1.5) == [1]


def test_nothing_ends_before_the_least_number_of_tokens() -> None:
    assert chosen(4, min_tokens=2, end_tokens=frozenset({0})) == [1, 1, 0, 0]


def test_end_tokens_end_a_sequence() -> None:
    sampler = Sampler(Options(end_tokens=frozenset({3})), np.array([0]))
    assert [sampler.note(token) for token in (0, 3)] == [False, True]


def test_the_likeliest_come_first_with_their_log_probabilities() -> None:
    tokens, logprobs = likeliest(LOGITS + 3, 3)
    assert tokens.tolist() == [0, 1, 2] + [-1] * (MOST_TOP - 3)
    np.testing.assert_allclose(np.exp(logprobs[:3]), [0.5, 0.25, 0.125], rtol=1e-5)
    assert likeliest(LOGITS, 20)[0].tolist() == [0, 1, 2, 3, 4] + [-1] * (MOST_TOP - 5)
    assert likeliest(LOGITS, 0)[0].tolist() == [-1] * MOST_TOP


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"temperature": [-0.1]}, "temperature is -0.1, not 0 to 100"),
        ({"temperature": [float("nan")]}, "temperature is nan"),
        ({"temperature": ["hot"]}, "not one number"),
        ({"top_p": [0.0]}, "top_p is 0.0, not above 0 to 1"),
        ({"top_p": [1.01]}, "top_p is 1.01"),
        ({"top_k": [0]}, "top_k is 0"),
        ({"min_p": [-0.1]}, "min_p is -0.1"),
        ({"repetition_penalty": [0]}, "repetition_penalty is 0"),
        ({"presence_penalty": [2.1]}, "presence_penalty is 2.1"),
        ({"top_logprobs": [21]}, "top_logprobs is 21, not 0 to 20"),
        ({"seed": [1, 2]}, "not one number"),
        ({"stop_tokens": [10]}, "tokens are numbers from 0 to 9"),
        ({"stop_tokens": [-1]}, "tokens are numbers from 0 to 9"),
        ({"stop_tokens": [0.5]}, "float64, not tokens"),
        ({"logit_bias_tokens": [10], "logit_bias": [1.0]}, "tokens are numbers from 0 to 9"),
        ({"logit_bias_tokens": [1], "logit_bias": [100.1]}, "from -100 to 100"),
        ({"logit_bias_tokens": [1], "logit_bias": [float("nan")]}, "from -100 to 100"),
        ({"logit_bias_tokens": [1, 2], "logit_bias": [1.0]}, "1 values for 2 tokens"),
        ({"logit_bias_tokens": [1, 1], "logit_bias": [1.0, 1.0]}, "each token needs one"),
        ({"logit_bias": [1.0]}, "1 values for 0 tokens"),
    ],
)
def test_wrong_inputs_are_named(inputs: dict[str, Any], words: str) -> None:
    arrays = {name: np.array(value) for name, value in inputs.items()}
    with pytest.raises(InputError) as caught:
        read_options(arrays, (), 10)
    assert words in str(caught.value)


def test_inputs_at_their_limits_are_taken() -> None:
    inputs = {
        "temperature": [100.0], "top_p": [1.0], "top_k": [1], "min_p": [1.0],
        "presence_penalty": [-2.0], "top_logprobs": [20], "stop_tokens": [9], "seed": [-1],
        "logit_bias_tokens": [9, 0], "logit_bias": [100.0, -100.0],
    }  # fmt: skip
    options = read_options({name: np.array(value) for name, value in inputs.items()}, (7,), 10)
    assert (options.end_tokens, options.seed) == (frozenset({7, 9}), 2**64 - 1)
    ignoring = read_options({"ignore_eos": np.array([1])}, (7,), 10)
    assert ignoring.end_tokens == frozenset()
