"""Choosing the next token of a sequence from its logits.

What is chosen depends on the logits, the options, the seed and the number of the token alone. So a
sequence that begins again goes on as it would have.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from grps.backends.common.language.options import MOST_TOP, Options
from grps.backends.decoder.structure import Guide

_LEAST_TEMPERATURE = 1e-5
"""Below, the likeliest token is taken: the others have no probability that a number can hold."""


@dataclass(slots=True)
class Sampler:
    """Chooses the tokens of one sequence."""

    options: Options
    prompt: np.ndarray
    """The tokens of the prompt."""
    guide: Guide | None = None
    """What its text must be."""
    made: int = 0
    """Tokens that were chosen."""
    _counts: dict[int, int] = field(default_factory=dict)

    def choose(self, logits: np.ndarray) -> int:
        """Return the next token.

        Args:
            logits: Of all tokens, ``[vocabulary]``.

        Raises:
            ModelError: No token goes on with the structure of the text.
        """
        if self.guide is not None or not self.options.is_plain:
            logits = self._adjusted(logits)
        if self.options.temperature < _LEAST_TEMPERATURE:
            return int(np.argmax(logits))
        return drawn(logits, self.options, self._uniform())

    def note(self, token: int) -> bool:
        """Take the token over that was chosen; return whether the sequence ends with it."""
        self.made += 1
        self._counts[token] = self._counts.get(token, 0) + 1
        has_ended = token in self.options.end_tokens
        if self.guide is not None:
            has_ended |= self.guide.take(token)
        return has_ended

    def _adjusted(self, logits: np.ndarray) -> np.ndarray:
        options, made = self.options, self.made
        logits = logits.copy()
        if options.biased is not None:
            logits[options.biased] += options.biases
        if options.repetition_penalty != 1:
            seen = np.union1d(self.prompt, np.fromiter(self._counts, np.int64))
            penalty = np.float32(options.repetition_penalty)
            kept = logits[seen]
            logits[seen] = np.where(kept > 0, kept / penalty, kept * penalty)
        if self._counts and (options.presence_penalty or options.frequency_penalty):
            tokens = np.fromiter(self._counts.keys(), np.int64)
            counts = np.fromiter(self._counts.values(), np.float32)
            penalties = counts * options.frequency_penalty + options.presence_penalty
            logits[tokens] -= penalties.astype(np.float32)
        if self.guide is not None:
            # A structure says itself where it may end.
            logits[~self.guide.allowed()] = -np.inf
        elif made < options.min_tokens and options.end_tokens:
            logits[list(options.end_tokens)] = -np.inf
        return logits

    def _uniform(self) -> float:
        """Return the random number of the next token, from 0 to below 1."""
        key = np.array([self.options.seed, self.made], np.uint64)
        return float(np.random.Generator(np.random.Philox(key=key)).random())


def drawn(logits: np.ndarray, options: Options, uniform: float) -> int:
    """Return a token, drawn by its probability.

    Args:
        logits: Of all tokens, ``[vocabulary]``; at least one is finite.
        options: What is drawn from.
        uniform: A random number, from 0 to below 1.
    """
    scaled = (logits.astype(np.float64) - logits.max()) / options.temperature
    tokens: np.ndarray | None = None
    if options.top_k is not None and options.top_k < len(scaled):
        tokens = np.argpartition(-scaled, options.top_k - 1)[: options.top_k]
        scaled = scaled[tokens]
    probabilities = np.exp(scaled)
    if options.min_p > 0:
        # The likeliest has a probability of 1 here.
        probabilities[probabilities < options.min_p] = 0
    if options.top_p < 1:
        order = np.argsort(-probabilities, kind="stable")
        sums = np.cumsum(probabilities[order])
        kept = order[: int(np.searchsorted(sums, options.top_p * sums[-1])) + 1]
        tokens = kept if tokens is None else tokens[kept]
        probabilities = probabilities[kept]
    sums = np.cumsum(probabilities)
    place = int(np.searchsorted(sums, uniform * sums[-1], side="right"))
    # Rounding may lead behind the last one that has a probability.
    place = min(place, int(np.searchsorted(sums, sums[-1])))
    return place if tokens is None else int(tokens[place])


def likeliest(logits: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the likeliest tokens of a position and their log-probabilities.

    Args:
        logits: Of all tokens, ``[vocabulary]``.
        count: How many; what there is no token for is -1.

    Returns:
        Two arrays of ``MOST_TOP``, the likeliest first.
    """
    tokens, logprobs = np.full(MOST_TOP, -1, np.int64), np.zeros(MOST_TOP, np.float32)
    count = min(count, len(logits))
    if count:
        best = np.argpartition(-logits, count - 1)[:count]
        best = best[np.lexsort((best, -logits[best]))]
        tokens[:count] = best
        logprobs[:count] = logits[best] - log_sum(logits)
    return tokens, logprobs


def log_sum(logits: np.ndarray) -> float:
    """Return the logarithm of the sum of the exponentials of logits."""
    most = logits.max()
    return float(most + np.log(np.exp(logits - most, dtype=np.float64).sum()))
