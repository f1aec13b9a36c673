"""An answer in pieces: what a function yields is a chunk of the stream."""

import time
from collections.abc import Iterator

import grps


@grps.model
def count(text: str) -> Iterator[str]:
    """Say the words of a text, one after the other."""
    for word in text.split():
        time.sleep(0.1)
        yield f"{word} "
