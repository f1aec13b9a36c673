"""What a request asks for, as llama.cpp takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from grps.backends.common.language.inputs import (
    number_of,
    number_within,
    schema_or_choice,
    seed_of,
)
from grps.errors import InputError

_NUMBERS: Mapping[str, tuple[str, type, float, float]] = {
    "temperature": ("temperature", float, 0, 100),
    "top_p": ("top_p", float, 0, 1),
    "top_k": ("top_k", int, 1, 2**31 - 1),
    "min_p": ("min_p", float, 0, 1),
    "repetition_penalty": ("repeat_penalty", float, 0, 10),
    "presence_penalty": ("presence_penalty", float, -2, 2),
    "frequency_penalty": ("frequency_penalty", float, -2, 2),
    "max_tokens": ("n_predict", int, 1, 2**31 - 1),
    "ignore_eos": ("ignore_eos", bool, 0, 1),
}
"""Inputs of one number: how the engine calls them, their types, and the least and the most."""
_DEFAULTS: Mapping[str, Any] = {
    "temperature": 0.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repeat_penalty": 1.0,
}
"""The engine's own ones change what a request has not asked for."""
_SEEDS = 2**32 - 1
"""The number behind the last seed: it stands for a random one."""


def body_of(inputs: Mapping[str, np.ndarray], room: int) -> dict[str, Any]:
    """Return how a sequence is generated.

    Args:
        inputs: The inputs of its request.
        room: Most tokens that the context has room for.

    Raises:
        InputError: An input has a wrong type or value, or the engine can't do it.
    """
    body = {**_DEFAULTS, "n_predict": room, "stream": True, "n_probs": 1, "repeat_last_n": room}
    for name, (own, kind, least, most) in _NUMBERS.items():
        if name in inputs:
            body[own] = kind(number_within(name, inputs[name], least, most))
    body["n_predict"] = min(body["n_predict"], room)
    if "min_tokens" in inputs and number_of("min_tokens", inputs["min_tokens"]) > 0:
        raise InputError("the engine takes no min_tokens; leave it out")
    if "seed" in inputs:
        body["seed"] = seed_of(inputs["seed"], _SEEDS)
    return body | _structure(inputs)


def _structure(inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what the text of a sequence must be; empty for any text.

    A client's grammar that is nested deeply ends the process, and one that is wrong may be ignored.
    """
    wanted = schema_or_choice(inputs)
    if wanted is None:
        return {}
    if isinstance(wanted, list):
        return {"grammar": "root ::= " + " | ".join(map(_literal, wanted))}
    if '"$ref"' in json.dumps(json.loads(wanted)):
        raise InputError("the engine takes no JSON schema with $ref")
    return {"json_schema": json.loads(wanted)}


def _literal(text: str) -> str:
    return '"' + "".join(map(_letter, text)) + '"'


def _letter(letter: str) -> str:
    plain = letter.isalnum() or letter == " " or ord(letter) > 0x7F
    return letter if plain else f"\\x{ord(letter):02x}"
