"""How the tokens of a sequence are chosen, as its request asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grps.backends.common.language.inputs import number_of, seed_of, tokens_of
from grps.errors import InputError

MOST_TOP = 20
"""Most of the likeliest tokens of a position that are returned."""
_SEEDS = 2**64
_COUNT = 2**31 - 1
_NUMBERS: Mapping[str, tuple[type, float, float]] = {
    "temperature": (float, 0, 100),
    "top_p": (float, 0, 1),
    "top_k": (int, 1, _COUNT),
    "min_p": (float, 0, 1),
    "repetition_penalty": (float, 0, 10),
    "presence_penalty": (float, -2, 2),
    "frequency_penalty": (float, -2, 2),
    "min_tokens": (int, 0, _COUNT),
    "max_tokens": (int, 1, _COUNT),
    "top_logprobs": (int, 0, MOST_TOP),
    "ignore_eos": (bool, 0, 1),
    "logprobs": (int, 0, 1),
}
"""Inputs of one number: their types, and the least and the most."""
_ABOVE_ZERO = ("top_p", "repetition_penalty")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the tokens of a sequence are chosen; the names are those of the inputs."""

    temperature: float = 0.0
    """0 takes the likeliest token."""
    top_p: float = 1.0
    top_k: int | None = None
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    min_tokens: int = 0
    max_tokens: int | None = None
    top_logprobs: int = 0
    ignore_eos: bool = False
    logprobs: int = 0
    seed: int = 0
    biased: np.ndarray | None = None
    """Tokens whose logits get ``biases`` added."""
    biases: np.ndarray | None = None
    end_tokens: frozenset[int] = frozenset()
    """Tokens that end the sequence."""

    @property
    def is_plain(self) -> bool:
        """Return whether logits are used as they are."""
        if self.presence_penalty or self.frequency_penalty or self.repetition_penalty != 1:
            return False
        return self.biased is None and not self.min_tokens


def read_options(
    inputs: Mapping[str, np.ndarray], end_tokens: tuple[int, ...], vocabulary: int
) -> Options:
    """Read the inputs of a request.

    Args:
        inputs: Its inputs.
        end_tokens: Tokens that end a text of the model.
        vocabulary: How many tokens there are.

    Raises:
        InputError: An input has a wrong type or value.
    """
    given = {}
    for name, (kind, least, most) in _NUMBERS.items():
        if name in inputs:
            value = number_of(name, inputs[name])
            low = value > least if name in _ABOVE_ZERO else value >= least
            if not low or not value <= most:
                above = "above " if name in _ABOVE_ZERO else ""
                raise InputError(f"input {name} is {value}, not {above}{least} to {most}")
            given[name] = kind(value)
    if "seed" in inputs:
        given["seed"] = seed_of(inputs["seed"], _SEEDS)
    ends = tokens_of("stop_tokens", inputs.get("stop_tokens"), vocabulary)
    own_ends = set() if given.get("ignore_eos") else set(end_tokens)
    given["end_tokens"] = frozenset(own_ends | set(ends.tolist()))
    if "logit_bias" in inputs or "logit_bias_tokens" in inputs:
        given["biased"], given["biases"] = _biases(inputs, vocabulary)
    return Options(**given)


def _biases(inputs: Mapping[str, np.ndarray], vocabulary: int) -> tuple[np.ndarray, np.ndarray]:
    biased = tokens_of("logit_bias_tokens", inputs.get("logit_bias_tokens"), vocabulary)
    biases = np.ravel(inputs.get("logit_bias", ()))
    if biases.dtype.kind not in "iuf" or not np.all(np.abs(biases) <= 100):
        raise InputError("input logit_bias has other values than numbers from -100 to 100")
    if len(biases) != len(biased) or len(set(biased.tolist())) != len(biased):
        raise InputError(
            f"input logit_bias has {len(biases)} values for {len(biased)} tokens in "
            "logit_bias_tokens; each token needs one"
        )
    return biased, biases.astype(np.float32)
