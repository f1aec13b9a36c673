"""What a request asks for, in vLLM's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from grps.backends.common.language.options import read_options
from grps.errors import InputError

_STRUCTURES = {"json_schema": "json", "regex": "regex", "grammar": "grammar", "choice": "choice"}
"""Inputs that say what a text must be, and what vLLM calls them."""
_MOST_STRUCTURE_BYTES = 64 << 10
_MOST_TEMPERATURE = 2.0
"""vLLM takes no more."""


def sampling_params(
    inputs: Mapping[str, np.ndarray], end_tokens: tuple[int, ...], vocabulary: int, room: int
) -> dict[str, Any]:
    """Return the fields of vLLM's ``SamplingParams`` of a sequence.

    Args:
        inputs: The inputs of its request.
        end_tokens: Tokens that end a text of the model.
        vocabulary: How many tokens there are.
        room: Most tokens that the context has room for.

    Raises:
        InputError: An input has a wrong type or value, or vLLM can't do it.
    """
    options = read_options(inputs, end_tokens, vocabulary)
    if options.temperature > _MOST_TEMPERATURE:
        raise InputError(f"input temperature is {options.temperature}; vLLM takes 0 to 2")
    most = min(options.max_tokens or room, room)
    params: dict[str, Any] = {
        "temperature": options.temperature,
        "top_p": options.top_p,
        "top_k": options.top_k or 0,
        "min_p": options.min_p,
        "repetition_penalty": options.repetition_penalty,
        "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty,
        "max_tokens": most,
        "min_tokens": min(options.min_tokens, most),
        "stop_token_ids": sorted(options.end_tokens),
        "ignore_eos": options.ignore_eos,
        # The service makes the text.
        "detokenize": False,
    }
    if "seed" in inputs:
        params["seed"] = options.seed
    if options.logprobs or options.top_logprobs:
        params["logprobs"] = options.top_logprobs
    if options.biased is not None and options.biases is not None:
        biases = zip(options.biased.tolist(), options.biases.tolist(), strict=True)
        params["logit_bias"] = dict(biases)
    if structure := _structure(inputs):
        # Only an end can follow on a text that is complete.
        params |= {"structured_outputs": structure, "ignore_eos": False}
    return params


def _structure(inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what the text of a sequence must be; empty for any text.

    Raises:
        InputError: It is wrong.
    """
    given = [name for name in _STRUCTURES if name in inputs]
    if not given:
        return {}
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} can't be used together")
    [name] = given
    texts = [str(text) for text in np.ravel(inputs[name])]
    if not texts or not all(texts):
        raise InputError(f"{name} needs texts that are not empty")
    if sum(len(text.encode()) for text in texts) > _MOST_STRUCTURE_BYTES:
        raise InputError(f"{name} has more than {_MOST_STRUCTURE_BYTES} bytes")
    return {_STRUCTURES[name]: texts if name == "choice" else texts[0]}
