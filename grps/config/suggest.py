"""Did-you-mean hints for keys and values."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(given: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed word that ``given`` most likely stands for, if any is near."""
    words = list(allowed)
    folded = {word.lower(): word for word in words}
    near = difflib.get_close_matches(given.lower(), folded, n=1, cutoff=0.6)
    if near:
        return folded[near[0]]
    return next((word for word in words if given and word.startswith(given)), None)


def hint(given: str, allowed: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)``, or nothing when no allowed word is near."""
    word = closest(given, allowed)
    return f" (did you mean {word!r}?)" if word is not None else ""
