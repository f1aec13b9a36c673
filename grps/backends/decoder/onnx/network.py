"""The forward pass of a decoder in ONNX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnxruntime

from grps.backends.common.onnx.causes import onnxruntime_cause
from grps.backends.decoder.network import Span
from grps.backends.decoder.onnx.cache import ArrayCache
from grps.backends.decoder.onnx.graph import (
    LAST_ONLY,
    LOGITS,
    MASK,
    POSITIONS,
    TOKENS,
    Graph,
    Sharing,
)
from grps.errors import ModelError

_NEAR = 64
"""Sequences that differ by so many positions share a run, whatever their lengths are."""

_LOG_NOTHING = 4
"""Errors of a run reach the user as exceptions."""


class OnnxNetwork:
    """A decoder; implements ``Network``.

    A prompt has a run of its own. The next tokens of sequences of like lengths share a run, whose
    shorter ones are padded.
    """

    def __init__(
        self,
        session: Any,
        weights: Sequence[np.ndarray],
        graph: Graph,
        context_length: int,
        sharing: Sharing,
    ) -> None:
        """Run a session.

        Args:
            session: Of ONNX Runtime.
            weights: What it refers to in memory, without owning it.
            graph: What it takes and returns.
            context_length: Most positions of a sequence.
            sharing: How sequences share a run.
        """
        self._session = session
        self._weights = weights
        self._graph = graph
        self._context_length = context_length
        self._sharing = sharing
        self._run_options = _run_options()
        self._reading_options = _run_options(only_fetched=True)
        self._past, self._present = graph.past_names, graph.present_names

    def new_cache(self) -> ArrayCache:
        """Return the cache of a sequence that begins."""
        return ArrayCache(self._graph, self._context_length)

    def read(self, spans: Sequence[Span]) -> None:
        """Read tokens into the caches of their sequences."""
        for span in spans:
            self._run([span], self._present)

    def next_logits(self, spans: Sequence[Span]) -> np.ndarray:
        """Read tokens, and return the logits of what follows each; see ``Network.next_logits``."""
        rows: dict[int, np.ndarray] = {}
        shared = groups(spans) if self._sharing.is_shared else [[at] for at in range(len(spans))]
        for places in shared:
            found = self._run([spans[place] for place in places], [LOGITS, *self._present])
            rows |= zip(places, found, strict=True)
        return np.stack([rows[place] for place in range(len(spans))])

    def _run(self, spans: Sequence[Span], outputs: Sequence[str]) -> np.ndarray:
        """Run spans with one number of tokens; return the logits behind each, if they are asked."""
        longest = max(span.start for span in spans)
        feed = self._numbers(spans, longest)
        for index, name in enumerate(self._past):
            feed[name] = self._padded(spans, index, longest)
        gives_logits = outputs[0] == LOGITS
        options = self._run_options if gives_logits else self._reading_options
        try:
            found = self._session.run(outputs, feed, options)
        except Exception as error:
            raise ModelError(f"ONNX Runtime has failed: {onnxruntime_cause(error)}") from error
        self._keep(spans, found[len(outputs) - len(self._present) :], longest)
        return np.asarray(found[0][:, -1], np.float32) if gives_logits else np.empty(0)

    def _numbers(self, spans: Sequence[Span], longest: int) -> dict[str, np.ndarray]:
        count = len(spans[0].tokens)
        mask = np.ones((len(spans), longest + count), np.int64)
        for row, span in enumerate(spans):
            mask[row, self._padding(span, longest)] = 0
        positions = [np.arange(span.start, span.start + count) for span in spans]
        given = {
            TOKENS: np.array([span.tokens for span in spans]),
            MASK: mask,
            POSITIONS: np.array(positions),
        }
        feed = {name: given[name].astype(dtype) for name, dtype in self._graph.numbers.items()}
        if self._graph.last_only_rank is not None:
            feed[LAST_ONLY] = np.ones([1] * self._graph.last_only_rank, np.int64)
        return feed

    def _padding(self, span: Span, longest: int) -> slice:
        """Return where a sequence has no positions, among those before the tokens of a run."""
        if not self._sharing.pads_behind:
            return slice(0, longest - span.start)
        # The mask is as long as a row; only the number of its ones counts.
        return slice(span.start, longest)

    def _padded(self, spans: Sequence[Span], index: int, longest: int) -> np.ndarray:
        """Return earlier keys or values of a layer, ``[spans, heads, longest, size]``."""
        graph = self._graph
        padded = np.empty((len(spans), graph.heads, longest, graph.head_size), graph.dtype)
        for row, span in enumerate(spans):
            kept = _memory(span)[index, :, : span.start]
            padding = self._padding(span, longest)
            # What is hidden is multiplied by 0, which must not meet what is no number.
            padded[row, :, padding] = 0
            if padding.start:
                padded[row, :, : span.start] = kept
            else:
                padded[row, :, padding.stop :] = kept
        return padded

    def _keep(self, spans: Sequence[Span], present: Sequence[np.ndarray], longest: int) -> None:
        """Write the keys and values of the tokens of a run into the caches."""
        count = len(spans[0].tokens)
        for row, span in enumerate(spans):
            cache = span.cache
            assert isinstance(cache, ArrayCache)
            stop = span.start + count
            cache.reserve(stop)
            first = span.start if self._sharing.pads_behind else longest
            for index, found in enumerate(present):
                own = found[row, :, first : first + count]
                cache.memory[index, :, span.start : stop] = own


def _run_options(only_fetched: bool = False) -> onnxruntime.RunOptions:
    """Return the options of a run, which may leave out what only other outputs need."""
    options = onnxruntime.RunOptions()
    options.log_severity_level = _LOG_NOTHING
    options.only_execute_path_to_fetches = only_fetched
    return options


def groups(spans: Sequence[Span]) -> Iterator[list[int]]:
    """Yield the places of spans that share a run: padding at most doubles what is computed."""
    order = sorted(
        range(len(spans)), key=lambda place: (len(spans[place].tokens), spans[place].start)
    )
    group = order[:1]
    for place in order[1:]:
        first, span = spans[group[0]], spans[place]
        is_near = span.start <= max(2 * first.start, first.start + _NEAR)
        if not is_near or len(span.tokens) != len(first.tokens):
            yield group
            group = []
        group.append(place)
    yield group


def _memory(span: Span) -> np.ndarray:
    cache = span.cache
    assert isinstance(cache, ArrayCache)
    return cache.memory
