"""What the graph of a decoder takes and returns, by the names that exporters give it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grps.errors import ModelError

TOKENS, MASK, POSITIONS = "input_ids", "attention_mask", "position_ids"
LAST_ONLY = "num_logits_to_keep"
LOGITS = "logits"
_PAST = re.compile(r"past_key_values\.(\d{1,4})\.(key|value)")
_Types = Mapping[str, np.dtype[Any]]
_NUMBERS: _Types = {"tensor(int64)": np.dtype(np.int64), "tensor(int32)": np.dtype(np.int32)}
_FLOATS: _Types = {"tensor(float)": np.dtype(np.float32), "tensor(float16)": np.dtype(np.float16)}
_CACHE_RANK = 4
_OWN_PADDING = frozenset({"GroupQueryAttention"})
"""Operators that count the positions of a sequence by its mask."""
_COUPLED = frozenset({"DynamicQuantizeLinear", "DynamicQuantizeMatMul"})
"""Operators that compute with one scale for all sequences of a run."""
_MAX_NAME_BYTES = 64
_PART_BYTES = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The inputs and outputs of a decoder with a cache of keys and values."""

    layers: int
    heads: int
    """Of keys and values."""
    head_size: int
    dtype: np.dtype[Any]
    """The type of keys and values."""
    numbers: _Types
    """The types of the inputs of tokens, mask and positions, as far as there are any."""
    last_only_rank: int | None
    """Dimensions of the input that limits the logits to the last positions, if there is one."""
    vocabulary: int | None
    """How many logits there are, if the graph says it."""

    @property
    def past_names(self) -> list[str]:
        """Return the inputs of earlier keys and values, by layers."""
        return self._names("past_key_values")

    @property
    def present_names(self) -> list[str]:
        """Return the outputs of all keys and values, in the same order."""
        return self._names("present")

    @property
    def position_bytes(self) -> int:
        """Return the bytes of the keys and values of one position."""
        return 2 * self.layers * self.heads * self.head_size * self.dtype.itemsize

    def _names(self, first: str) -> list[str]:
        return [
            f"{first}.{layer}.{kind}" for layer in range(self.layers) for kind in ("key", "value")
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """How sequences share a run."""

    pads_behind: bool = False
    """Whether padding is behind the positions of a sequence, not before them."""
    is_shared: bool = True
    """Whether they share one at all: in some graphs each would change what the others get."""


def read_graph(path: Path, inputs: Sequence[Any], outputs: Sequence[Any]) -> Graph:
    """Return what a graph takes and returns.

    Args:
        path: Its file, for messages.
        inputs: As a session of ONNX Runtime describes them: ``name``, ``type`` and ``shape``.
        outputs: The same.

    Raises:
        ModelError: It is no decoder with a cache, or of a kind that is not supported.
    """
    past = [one for one in inputs if _PAST.fullmatch(one.name)]
    others = {one.name: one for one in inputs if one not in past}
    numbers = {name: one for name, one in others.items() if name in (TOKENS, MASK, POSITIONS)}
    unknown = sorted(others.keys() - numbers.keys() - {LAST_ONLY})
    if unknown:
        raise ModelError(
            f"{path}: the graph has the input {unknown[0]!r}, which is not supported; export the "
            "model as text-generation-with-past"
        )
    if TOKENS not in numbers or MASK not in numbers or not past:
        raise ModelError(
            f"{path}: no decoder with a cache: it needs the inputs {TOKENS}, {MASK} and "
            "past_key_values.N.key and .value; export the model as text-generation-with-past"
        )
    heads, head_size, dtype = _sizes(path, past)
    graph = Graph(
        layers=len(past) // 2,
        heads=heads,
        head_size=head_size,
        dtype=dtype,
        numbers={name: _type(path, one, _NUMBERS) for name, one in numbers.items()},
        last_only_rank=len(others[LAST_ONLY].shape) if LAST_ONLY in others else None,
        vocabulary=_vocabulary(outputs),
    )
    missing = {*graph.past_names, *graph.present_names, LOGITS}
    missing -= {one.name for one in (*past, *outputs)}
    if missing:
        raise ModelError(f"{path}: the graph has no {min(missing)!r}")
    return graph


def read_sharing(path: Path) -> Sharing:
    """Return how sequences share a run of the graph in a file."""
    found = _operators(path, _OWN_PADDING | _COUPLED)
    return Sharing(pads_behind=bool(found & _OWN_PADDING), is_shared=not found & _COUPLED)


def _operators(path: Path, names: AbstractSet[str]) -> set[str]:
    """Return which of these operators a file has."""
    # The field ``op_type`` of a node: its tag, its length and the name.
    fields = {name: bytes([0x22, len(name)]) + name.encode() for name in names}
    found: set[str] = set()
    kept = b""
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            found |= {name for name, field in fields.items() if field in kept + part}
            kept = part[-_MAX_NAME_BYTES:]
    return found


def _sizes(path: Path, past: Sequence[Any]) -> tuple[int, int, np.dtype[Any]]:
    """Return heads, size of a head, and type, which are those of all layers."""
    kinds = set()
    for one in past:
        if len(one.shape) != _CACHE_RANK or not all(type(one.shape[at]) is int for at in (1, 3)):
            raise ModelError(
                f"{path}: input {one.name} is {one.shape}; it must be [batch, heads, positions, "
                "size] with numbers for heads and size"
            )
        kinds.add((one.shape[1], one.shape[3], _type(path, one, _FLOATS)))
    if len(kinds) != 1:
        raise ModelError(f"{path}: layers whose caches differ are not supported")
    return kinds.pop()


def _type(path: Path, one: Any, known: _Types) -> np.dtype[Any]:
    if one.type not in known:
        raise ModelError(f"{path}: input {one.name} is {one.type}; supported: {', '.join(known)}")
    return known[one.type]


def _vocabulary(outputs: Sequence[Any]) -> int | None:
    found = next((one.shape[-1] for one in outputs if one.name == LOGITS and one.shape), None)
    return found if type(found) is int else None
