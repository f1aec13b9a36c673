"""Reading of the inputs of language models."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from grps.backends.common.language.json_schema import checked_schema
from grps.errors import InputError

_MOST_TOKEN = 2**31 - 1


def number_of(name: str, array: np.ndarray) -> Any:
    """Return the number that an input is.

    Raises:
        InputError: It is something else.
    """
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise InputError(f"input {name} is {array.dtype} {list(array.shape)}, not one number")
    return np.ravel(array)[0].item()


def number_within(name: str, array: np.ndarray, least: float, most: float) -> Any:
    """Return the number that an input is.

    Raises:
        InputError: It is something else, or not from ``least`` to ``most``.
    """
    number = number_of(name, array)
    if not least <= number <= most:
        raise InputError(f"input {name} is {number}, not {least} to {most}")
    return number


def seed_of(array: np.ndarray, count: int) -> int:
    """Return the seed that an input is.

    Args:
        array: The input.
        count: How many seeds there are.

    Raises:
        InputError: It is no whole number.
    """
    number = number_of("seed", array)
    if not math.isfinite(number) or number != int(number):
        raise InputError(f"input seed is {number}, not a whole number")
    return int(number) % count


def tokens_of(name: str, array: np.ndarray | None, vocabulary: int | None = None) -> np.ndarray:
    """Return the tokens that an input lists; none without it.

    Args:
        name: The input.
        array: Its tensor.
        vocabulary: How many tokens there are, if the engine does not check that itself.

    Raises:
        InputError: It has something else.
    """
    if array is None or array.size == 0:
        return np.empty(0, np.int64)
    tokens = np.ravel(array)
    if tokens.dtype.kind not in "iu":
        raise InputError(f"input {name} is {tokens.dtype}, not tokens")
    most = _MOST_TOKEN if vocabulary is None else vocabulary - 1
    if tokens.min() < 0 or tokens.max() > most:
        raise InputError(f"input {name}: tokens are numbers from 0 to {most}")
    return tokens.astype(np.int64)


def text_of(name: str, array: np.ndarray) -> str:
    """Return the text that an input is.

    Raises:
        InputError: It has none or several, or an empty one.
    """
    texts = [str(text) for text in np.ravel(array)]
    if len(texts) != 1 or not texts[0]:
        raise InputError(f"input {name} has {len(texts)} texts; it needs one that is not empty")
    return texts[0]


def schema_or_choice(inputs: Mapping[str, np.ndarray]) -> str | list[str] | None:
    """Return the JSON schema, or the choice of texts, that an answer must be; ``None`` for any.

    This is for engines that take no regular expression and no grammar of a client.

    Raises:
        InputError: It is wrong, or asks for what the engine does not take.
    """
    for name in ("regex", "grammar"):
        if name in inputs:
            raise InputError(f"the engine takes no {name}; use a JSON schema or a choice")
    if "json_schema" in inputs and "choice" in inputs:
        raise InputError("json_schema and choice can't be used together")
    if "choice" in inputs:
        texts = [str(text) for text in np.ravel(inputs["choice"])]
        if not texts or not all(texts):
            raise InputError("choice needs texts that are not empty")
        return texts
    if "json_schema" in inputs:
        return checked_schema(text_of("json_schema", inputs["json_schema"]))
    return None


def prompt_tokens(inputs: Mapping[str, np.ndarray], vocabulary: int) -> np.ndarray:
    """Return the tokens of a prompt.

    Args:
        inputs: The inputs of a request.
        vocabulary: How many tokens there are.

    Raises:
        InputError: There are none, or some are no tokens.
    """
    tokens = inputs.get("tokens")
    if tokens is None or tokens.size == 0:
        raise InputError("the prompt has no tokens")
    if tokens.dtype.kind not in "iu":
        raise InputError(f"input tokens is {tokens.dtype}, not whole numbers")
    prompt = np.ravel(tokens).astype(np.int64)
    if prompt.min() < 0 or prompt.max() >= vocabulary:
        raise InputError(f"tokens are numbers from 0 to {vocabulary - 1}")
    return prompt


def room_for_answer(prompt: int, context_length: int) -> int:
    """Return how many tokens the context has room for behind a prompt.

    Args:
        prompt: The tokens of the prompt.
        context_length: Most tokens of a prompt and its answer.

    Raises:
        InputError: There is no room.
    """
    if prompt >= context_length:
        raise InputError(
            f"the prompt has {prompt} tokens; the context of the model has {context_length}, "
            "which must have room for the answer too"
        )
    return context_length - prompt
