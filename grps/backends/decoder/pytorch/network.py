"""The forward pass of a decoder over parts of several sequences at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import embedding, linear, scaled_dot_product_attention, silu

from grps.backends.decoder.network import Span
from grps.backends.decoder.pytorch.adapters import Adapter
from grps.backends.decoder.pytorch.architecture import Architecture
from grps.backends.decoder.pytorch.cache import CacheKind, KeyValues
from grps.backends.decoder.pytorch.weights import Layer, Weights


@dataclass(frozen=True, slots=True)
class _Part:
    """A span among the rows of a forward pass."""

    cache: KeyValues
    start: int
    rows: slice
    mask: torch.Tensor | None
    """Which positions each of its rows sees, where that is not all up to the last."""


_Use = tuple[Adapter, torch.Tensor]
"""An adapter, and the numbers of its rows."""


@dataclass(frozen=True, slots=True)
class _Linears:
    """The linear layers of a layer, as the adapters of a pass change them."""

    index: int
    layer: Layer
    uses: Sequence[_Use]

    def __call__(self, field: str, rows: torch.Tensor) -> torch.Tensor:
        """Return what one of them makes of each row."""
        made: torch.Tensor = getattr(self.layer, field)(rows)
        for adapter, at in self.uses:
            for change in adapter.get((self.index, field), ()):
                change.add(made, rows, at)
        return made


class Network:
    """A decoder; implements ``Network``.

    All tokens of a pass go through the matrices together; each sequence has its own attention, so
    it computes nothing that depends on how long the others are.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: Weights,
        context_length: int,
        adapters: Mapping[str, Adapter] | None = None,
    ) -> None:
        """Make one with weights of one type on one device.

        Args:
            architecture: Its sizes.
            weights: Its weights.
            context_length: Most positions of a sequence.
            adapters: Changes of the weights, by the names that spans have.
        """
        self._sizes = architecture
        self._weights = weights
        self._adapters = adapters or {}
        self._place = weights.embedding.device
        frequencies = torch.tensor(architecture.rotation.frequencies(architecture.head_size))
        angles = torch.arange(context_length).float()[:, None] * frequencies.float()[None, :]
        dtype = weights.embedding.dtype
        self._cosines = angles.cos().to(self._place, dtype)
        self._sines = angles.sin().to(self._place, dtype)
        self.kind = CacheKind(architecture, dtype, self._place, context_length)

    def new_cache(self) -> KeyValues:
        """Return the cache of a sequence that begins."""
        return KeyValues(self.kind)

    @torch.inference_mode()
    def read(self, spans: Sequence[Span]) -> torch.Tensor:
        """Read tokens into the caches of their sequences.

        Args:
            spans: The tokens, at least one in each.

        Returns:
            What the last layer makes of each token, ``[tokens, hidden]``.
        """
        tokens = [token for span in spans for token in span.tokens]
        positions = [
            position
            for span in spans
            for position in range(span.start, span.start + len(span.tokens))
        ]
        rows = embedding(torch.tensor(tokens, device=self._place), self._weights.embedding)
        at = torch.tensor(positions, device=self._place)
        turns = self._cosines[at][:, None], self._sines[at][:, None]
        parts = self._parts(spans)
        uses = self._uses(spans)
        for index, layer in enumerate(self._weights.layers):
            linears = _Linears(index, layer, uses)
            rows = rows + self._attend(linears, rows, parts, turns)
            inner = linears("gate_up", self._normalize(rows, layer.inner_norm))
            gate, up = inner.chunk(2, -1)
            rows = rows + linears("down", silu(gate) * up)
        return rows

    @torch.inference_mode()
    def logits(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the logits of the next token behind each row, ``[rows, vocabulary]``, float32."""
        normed = self._normalize(rows, self._weights.norm)
        return linear(normed, self._weights.head).float()

    def next_logits(self, spans: Sequence[Span]) -> np.ndarray:
        """Read tokens, and return the logits of what follows each; see ``Network.next_logits``."""
        rows = self.read(spans)
        ends = np.cumsum([len(span.tokens) for span in spans]) - 1
        logits: np.ndarray = self.logits(rows[torch.from_numpy(ends).to(self._place)]).cpu().numpy()
        return logits

    def _parts(self, spans: Sequence[Span]) -> list[_Part]:
        parts = []
        begin = 0
        for span in spans:
            count = len(span.tokens)
            stop = span.start + count
            cache = span.cache
            assert isinstance(cache, KeyValues)
            cache.reserve(stop)
            mask = None
            if count > 1:
                mask = torch.ones(count, stop, dtype=torch.bool, device=self._place)
                mask = mask.tril(span.start)
            parts.append(_Part(cache, span.start, slice(begin, begin + count), mask))
            begin += count
        return parts

    def _uses(self, spans: Sequence[Span]) -> list[_Use]:
        """Return the rows of each adapter."""
        rows: dict[str, list[int]] = {}
        begin = 0
        for span in spans:
            stop = begin + len(span.tokens)
            if span.adapter is not None:
                rows.setdefault(span.adapter, []).extend(range(begin, stop))
            begin = stop
        return [
            (self._adapters[name], torch.tensor(own, device=self._place))
            for name, own in rows.items()
        ]

    def _attend(
        self,
        linears: _Linears,
        rows: torch.Tensor,
        parts: Sequence[_Part],
        turns: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:
        sizes = self._sizes
        layer = linears.layer
        made = linears("qkv", self._normalize(rows, layer.attention_norm))
        heads = made.view(len(rows), -1, sizes.head_size)
        queries, keys, values = heads.split([sizes.heads, sizes.kv_heads, sizes.kv_heads], 1)
        if layer.query_norm is not None and layer.key_norm is not None:
            queries = self._normalize(queries, layer.query_norm)
            keys = self._normalize(keys, layer.key_norm)
        queries, keys = _turned(queries, *turns), _turned(keys, *turns)
        seen = torch.empty_like(queries)
        for part in parts:
            at = part.rows
            own_keys, own_values = part.cache.write(linears.index, part.start, keys[at], values[at])
            seen[at] = self._look(queries[at], own_keys, own_values, part.mask)
        return linears("output", seen.reshape(len(rows), -1))

    def _look(
        self,
        queries: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        mask: torch.Tensor | None,
    ) -> torch.Tensor:
        """Return what queries of one sequence, ``[rows, heads, size]``, see."""
        sizes = self._sizes
        group = sizes.heads // sizes.kv_heads
        # Heads that share keys and values are those of one batch entry.
        grouped = queries.view(-1, sizes.kv_heads, group, sizes.head_size).permute(1, 2, 0, 3)
        shared = (sizes.kv_heads, group, *keys.shape[1:])
        seen = scaled_dot_product_attention(
            grouped,
            keys[:, None].expand(shared),
            values[:, None].expand(shared),
            attn_mask=mask,
        )
        return seen.permute(2, 0, 1, 3).reshape(queries.shape)

    def _normalize(self, rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        wide = rows.float()
        scale = torch.rsqrt(wide.square().mean(-1, keepdim=True) + self._sizes.epsilon)
        return weight * (wide * scale).to(rows.dtype)


def _turned(heads: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    """Turn each pair of elements of ``[rows, heads, size]``; the halves of a head are the pairs."""
    first, second = heads.chunk(2, -1)
    return torch.cat((first * cosines - second * sines, second * cosines + first * sines), -1)
