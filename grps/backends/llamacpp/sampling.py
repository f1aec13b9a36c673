"""What a request asks for, as llama.cpp takes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

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
_MAX_SCHEMA_BYTES = 64 << 10
_MAX_DEPTH = 32


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
    if "regex" in inputs:
        raise InputError("the engine takes no regex; use a JSON schema, a choice or a grammar")
    given = [name for name in ("json_schema", "choice", "grammar") if name in inputs]
    if len(given) > 1:
        raise InputError(f"{given[0]} and {given[1]} can't be used together")
    if given == ["choice"]:
        texts = [str(text) for text in np.ravel(inputs["choice"])]
        if not texts or not all(texts):
            raise InputError("choice needs texts that are not empty")
        return {"grammar": "root ::= " + " | ".join(map(_literal, texts))}
    if given == ["grammar"]:
        return {"grammar": str(np.ravel(inputs["grammar"])[0])}
    if given == ["json_schema"]:
        return {"json_schema": _schema(str(np.ravel(inputs["json_schema"])[0]))}
    return {}


def _literal(text: str) -> str:
    return '"' + "".join(map(_letter, text)) + '"'


def _letter(letter: str) -> str:
    plain = letter.isalnum() or letter == " " or ord(letter) > 0x7F
    return letter if plain else f"\\x{ord(letter):02x}"


def _schema(text: str) -> Any:
    if len(text.encode()) > _MAX_SCHEMA_BYTES:
        raise InputError(f"the JSON schema has more than {_MAX_SCHEMA_BYTES} bytes")
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the JSON schema is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise InputError("the JSON schema is not an object")
    if _is_deeper(schema, _MAX_DEPTH):
        raise InputError(f"the JSON schema has more than {_MAX_DEPTH} levels")
    return schema


def _is_deeper(value: Any, levels: int) -> bool:
    if not isinstance(value, (dict, list)):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inner)
