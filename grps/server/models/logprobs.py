"""Log-probabilities of tokens, for step models."""

from __future__ import annotations

import numpy as np

from grps.server import native


def top_logprobs(
    logits: np.ndarray, tokens: np.ndarray, count: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the log-probabilities of tokens, and the most probable tokens with theirs.

    Native code computes them, and other threads run meanwhile. A logit that is NaN has the
    probability 0, and logits of plus infinity share the whole probability of their row.

    Args:
        logits: What the model returned, float32 or float16 ``[rows, vocabulary]``.
        tokens: The token of each row, integers ``[rows]``.
        count: So many of the most probable tokens are returned, at most the whole vocabulary.

    Returns:
        Natural logarithms, float32 ``[rows]``; the most probable tokens of each row, int64 ``[rows,
        count]``, the most probable first; and their logarithms, float32 ``[rows, count]``.

    Raises:
        TypeError: ``logits`` or ``tokens`` have another type.
        ValueError: The shapes do not go together, a token is not in the vocabulary, or ``count`` is
            larger than it.
    """
    tokens = np.asarray(tokens)
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        raise TypeError(f"tokens are {tokens.dtype} {list(tokens.shape)}, not integers [rows]")
    wanted = np.ascontiguousarray(tokens, dtype=np.int64)
    if count < 0:
        raise ValueError(f"count is {count}, not 0 or more")
    return native.top_logprobs(np.ascontiguousarray(logits), wanted, count)
