"""Reads a log file as it grows, across rotation and truncation."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_CHUNK_BYTES = 64 * 1024


def tail(path: Path, lines: int) -> tuple[bytes, int]:
    """Return the last ``lines`` lines of a file, and where it ended; nothing if it is missing."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return b"", 0
    with stream:
        end = position = stream.seek(0, os.SEEK_END)
        data = b""
        while position > 0 and data.count(b"\n") <= lines:
            step = min(_CHUNK_BYTES, position)
            position = stream.seek(position - step)
            data = stream.read(step) + data
    kept = data.splitlines(keepends=True)[-lines:] if lines > 0 else []
    return b"".join(kept), end


def follow(path: Path, lines: int, wait: Callable[[], bool]) -> Iterator[str]:
    """Yield the last lines of a log, then what is added to it.

    Args:
        path: The log; it may not exist yet, may be replaced (rotated) or cut short.
        lines: How many earlier lines to begin with.
        wait: Called when there is nothing to read; returns False to end after one last look.

    Yields:
        Pieces of text, not always whole lines.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    first, position = tail(path, lines)
    if first:
        yield decoder.decode(first)
    stream: BinaryIO | None = None
    going = True
    try:
        while True:
            if stream is None:
                stream = _open(path, position)
            if stream is not None:
                yield from _drain(stream, decoder)
                if _replaced(stream, path):
                    stream.close()
                    stream, position = None, 0
                    continue
            if not going:
                return
            going = wait()
    finally:
        if stream is not None:
            stream.close()


def _open(path: Path, position: int) -> BinaryIO | None:
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return None
    stream.seek(position)
    return stream


def _drain(stream: BinaryIO, decoder: codecs.IncrementalDecoder) -> Iterator[str]:
    if os.fstat(stream.fileno()).st_size < stream.tell():
        stream.seek(0)
    while data := stream.read(_CHUNK_BYTES):
        if text := decoder.decode(data):
            yield text


def _replaced(stream: BinaryIO, path: Path) -> bool:
    """Return whether ``path`` is another file by now and the open one has nothing left."""
    try:
        other = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(stream.fileno())
    same = (mine.st_dev, mine.st_ino) == (other.st_dev, other.st_ino)
    return not same and stream.tell() >= mine.st_size
