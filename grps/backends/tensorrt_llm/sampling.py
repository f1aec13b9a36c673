"""What a request asks for, in TensorRT-LLM's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from grps.backends.common.language.options import read_options
from grps.errors import InputError

_STRUCTURES = ("json_schema", "regex", "grammar", "choice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """How a sequence is generated."""

    sampling: Mapping[str, Any]
    """Fields of ``SamplingConfig``."""
    max_tokens: int
    end_tokens: tuple[int, ...]
    """The first is the end of the engine, the others are stop words."""
    wants_logprobs: bool


def generation_of(
    inputs: Mapping[str, np.ndarray], end_tokens: tuple[int, ...], vocabulary: int, room: int
) -> Generation:
    """Return how a sequence is generated.

    Args:
        inputs: The inputs of its request.
        end_tokens: Tokens that end a text of the model.
        vocabulary: How many tokens there are.
        room: Most tokens that the context has room for.

    Raises:
        InputError: An input has a wrong type or value, or asks for what is not supported.
    """
    options = read_options(inputs, end_tokens, vocabulary)
    for name in _STRUCTURES:
        if name in inputs:
            raise InputError(f"{name}: TensorRT-LLM makes no structured output here; leave it out")
    most = min(options.max_tokens or room, room)
    sampling: dict[str, Any] = {
        "repetition_penalty": options.repetition_penalty,
        "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty,
    }
    if options.temperature > 0:
        sampling |= {
            "temperature": options.temperature,
            "top_p": options.top_p,
            "top_k": options.top_k or 0,
            "min_p": options.min_p,
        }
    else:
        sampling["top_k"] = 1
    if options.min_tokens:
        sampling["min_tokens"] = min(options.min_tokens, most)
    if "seed" in inputs:
        sampling["seed"] = options.seed
    return Generation(
        sampling=sampling,
        max_tokens=most,
        end_tokens=tuple(sorted(options.end_tokens)),
        wants_logprobs=bool(options.logprobs),
    )
