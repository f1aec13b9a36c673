"""How much memory a model takes, checked before it is used."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from grps.errors import ModelError
from grps.machine import memory_limit

_LEAST_CONTEXT = 16
_GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a model needs, and what its configuration says."""

    weights_bytes: int
    position_bytes: int
    """Bytes of the keys and values of one position."""
    model_context: int
    """Most positions that the model was made for."""
    context_length: int | None
    cache_bytes: int | None
    sequences: int
    """Most sequences at once."""
    copies: int
    """Copies of the model that share the memory."""


def free_memory() -> int:
    """Return how much memory of the machine is free for this process."""
    memory = psutil.virtual_memory()
    return min(memory.available, memory_limit())


def check_weights(weights_bytes: int, free: int, use: str) -> None:
    """Check that weights fit into the free memory.

    Args:
        weights_bytes: What they take.
        free: Bytes of memory that are free.
        use: What to use in their place.

    Raises:
        ModelError: They do not.
    """
    if weights_bytes > free:
        raise ModelError(
            f"the weights take {_gib(weights_bytes)}, but {_gib(free)} of memory are free; "
            f"use {use}"
        )


def plan_memory(wanted: Wanted, free: int) -> tuple[int, int]:
    """Return the context length and the bytes of the cache.

    Without a size of the cache, it has room for all sequences with the longest context, or half of
    what the weights leave. Without a context length, it is that of the model, or what the cache has
    room for.

    Args:
        wanted: What the model needs.
        free: Bytes of memory that are free.

    Raises:
        ModelError: The weights, the cache or the context have no room.
    """
    check_weights(wanted.weights_bytes, free, "a smaller model or inferer_args.dtype: bfloat16")
    left = free - wanted.weights_bytes
    context = wanted.context_length or wanted.model_context
    if context > wanted.model_context:
        raise ModelError(
            f"context_length is {context}; the model was made for {wanted.model_context} at most"
        )
    cache = wanted.cache_bytes
    if cache is None:
        cache = min(context * wanted.sequences * wanted.position_bytes, left // 2 // wanted.copies)
    elif cache > left:
        raise ModelError(
            f"cache_size_gb is {cache / _GIB:g}, but {_gib(max(0, left))} of memory are free "
            "beside the weights"
        )
    room = cache // wanted.position_bytes
    least = wanted.context_length or min(_LEAST_CONTEXT, context)
    if room < least:
        raise ModelError(
            f"the cache of {_gib(cache)} has room for {room} tokens, but the context is {least} "
            f"({wanted.position_bytes} bytes per token); set a smaller context_length, or a larger "
            "cache_size_gb"
        )
    return min(context, room), cache


def _gib(size: int) -> str:
    return f"{size / _GIB:.2f} GiB"
