"""What a request asks for, as a configuration of OpenVINO GenAI."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino_genai

from grps.backends.common.language.inputs import number_within, seed_of, tokens_of
from grps.backends.openvino_genai.structure import structured_output
from grps.errors import InputError

_NUMBERS: Mapping[str, tuple[str, type, float, float]] = {
    "temperature": ("temperature", float, 0, 100),
    "top_p": ("top_p", float, 0, 1),
    "top_k": ("top_k", int, 1, 2**31 - 1),
    "min_p": ("min_p", float, 0, 1),
    "repetition_penalty": ("repetition_penalty", float, 0, 10),
    "presence_penalty": ("presence_penalty", float, -2, 2),
    "frequency_penalty": ("frequency_penalty", float, -2, 2),
    "min_tokens": ("min_new_tokens", int, 0, 2**31 - 1),
    "max_tokens": ("max_new_tokens", int, 1, 2**31 - 1),
    "logprobs": ("logprobs", int, 0, 1),
    "ignore_eos": ("ignore_eos", bool, 0, 1),
}
"""Inputs of one number: how the engine calls them, their types, and the least and the most."""
_SEEDS = 2**64


def generation_config(
    inputs: Mapping[str, np.ndarray], end_tokens: set[int], room: int
) -> openvino_genai.GenerationConfig:
    """Return how a sequence is generated.

    Args:
        inputs: The inputs of its request.
        end_tokens: Tokens that end a text.
        room: Most tokens that the context has room for.

    Raises:
        InputError: An input has a wrong type or value, or the engine can't do it.
    """
    config = openvino_genai.GenerationConfig()
    config.apply_chat_template = False
    config.max_new_tokens = room
    for name, (own, kind, least, most) in _NUMBERS.items():
        if name in inputs:
            number = number_within(name, inputs[name], least, most)
            setattr(config, own, kind(number))
    if "seed" in inputs:
        config.rng_seed = seed_of(inputs["seed"], _SEEDS)
    config.max_new_tokens = min(config.max_new_tokens, room)
    config.do_sample = "temperature" in inputs and config.temperature > 0
    if not config.do_sample:
        config.temperature = 1.0
    stop_tokens = tokens_of("stop_tokens", inputs.get("stop_tokens"))
    config.stop_token_ids = end_tokens | set(stop_tokens.tolist())
    structure = structured_output(inputs)
    if structure is not None:
        config.structured_output_config = structure
    try:
        config.validate()
    except RuntimeError as error:
        raise InputError(f"the engine refuses this: {str(error).splitlines()[-1]}") from error
    return config
