"""What a request asks for, as llama.cpp takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from grps.backends.common.language.json_schema import checked_schema
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
            number = _number(name, inputs[name])
            if not least <= number <= most:
                raise InputError(f"input {name} is {number}, not {least} to {most}")
            body[own] = kind(number)
    body["n_predict"] = min(body["n_predict"], room)
    if "min_tokens" in inputs and _number("min_tokens", inputs["min_tokens"]) > 0:
        raise InputError("the engine takes no min_tokens; leave it out")
    if "seed" in inputs:
        body["seed"] = int(_number("seed", inputs["seed"])) % _SEEDS
    return body | _structure(inputs)


def _number(name: str, array: np.ndarray) -> Any:
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise InputError(f"input {name} is {array.dtype} {list(array.shape)}, not one number")
    return np.ravel(array)[0].item()


def _structure(inputs: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return what the text of a sequence must be; empty for any text."""
    for name in ("regex", "grammar"):
        # One that is nested deeply ends the process, and one that is wrong may be ignored.
        if name in inputs:
            raise InputError(f"the engine takes no {name}; use a JSON schema or a choice")
    given = [name for name in ("json_schema", "choice") if name in inputs]
    if len(given) > 1:
        raise InputError("json_schema and choice can't be used together")
    if given == ["choice"]:
        texts = [str(text) for text in np.ravel(inputs["choice"])]
        if not texts or not all(texts):
            raise InputError("choice needs texts that are not empty")
        return {"grammar": "root ::= " + " | ".join(map(_literal, texts))}
    if given == ["json_schema"]:
        return {"json_schema": _schema(str(np.ravel(inputs["json_schema"])[0]))}
    return {}


def _literal(text: str) -> str:
    return '"' + "".join(map(_letter, text)) + '"'


def _letter(letter: str) -> str:
    plain = letter.isalnum() or letter == " " or ord(letter) > 0x7F
    return letter if plain else f"\\x{ord(letter):02x}"


def _schema(text: str) -> Any:
    schema = json.loads(checked_schema(text))
    if '"$ref"' in json.dumps(schema):
        raise InputError("the engine takes no JSON schema with $ref")
    return schema
