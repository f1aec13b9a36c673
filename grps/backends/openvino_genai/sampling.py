"""What a request asks for, as a configuration of OpenVINO GenAI."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import openvino_genai

from grps.errors import InputError

_NUMBERS = {
    "temperature": float,
    "top_p": float,
    "top_k": int,
    "min_p": float,
    "repetition_penalty": float,
    "presence_penalty": float,
    "frequency_penalty": float,
    "min_tokens": int,
    "max_tokens": int,
    "seed": int,
    "logprobs": int,
    "ignore_eos": bool,
}
"""Inputs of one number, and their types."""
_NAMES = {"min_tokens": "min_new_tokens", "max_tokens": "max_new_tokens", "seed": "rng_seed"}
"""How the engine calls those with another name."""
_STRUCTURES = {"json_schema": "json_schema", "regex": "regex", "grammar": "grammar"}
_MAX_SEED = 2**64 - 1


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
    for name, kind in _NUMBERS.items():
        if name in inputs:
            setattr(config, _NAMES.get(name, name), _number(name, kind, inputs[name]))
    config.max_new_tokens = min(config.max_new_tokens, room)
    config.do_sample = "temperature" in inputs and config.temperature > 0
    if not config.do_sample:
        config.temperature = 1.0
    config.stop_token_ids = end_tokens | {int(token) for token in _all(inputs, "stop_tokens")}
    _structure(config, inputs)
    try:
        config.validate()
    except RuntimeError as error:
        raise InputError(f"the engine refuses this: {str(error).splitlines()[-1]}") from error
    return config


def _structure(config: openvino_genai.GenerationConfig, inputs: Mapping[str, np.ndarray]) -> None:
    given = [name for name in _STRUCTURES if name in inputs]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} can't be used together")
    for name in given:
        text = str(np.ravel(inputs[name])[0])
        structure = openvino_genai.StructuredOutputConfig(**{_STRUCTURES[name]: text})
        config.structured_output_config = structure


def _all(inputs: Mapping[str, np.ndarray], name: str) -> Any:
    return np.ravel(inputs[name]) if name in inputs else ()


def _number(name: str, kind: type, array: np.ndarray) -> Any:
    if array.size != 1:
        raise InputError(f"input {name} has {array.size} elements, not one")
    try:
        number = kind(np.ravel(array)[0])
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"input {name} is no number") from error
    return number % (_MAX_SEED + 1) if name == "seed" else number
