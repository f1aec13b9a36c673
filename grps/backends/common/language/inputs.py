"""Reading of the inputs of language models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from grps.errors import InputError


def number(name: str, array: np.ndarray) -> Any:
    """Return the number that an input is.

    Raises:
        InputError: It is something else.
    """
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise InputError(f"input {name} is {array.dtype} {list(array.shape)}, not one number")
    return np.ravel(array)[0].item()


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
