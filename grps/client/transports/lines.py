"""Lines of a body that arrives in parts."""

from __future__ import annotations

from collections.abc import Iterator

from grps.client.errors import TooLarge


class Lines:
    """Joins the parts of a body to its lines."""

    def __init__(self, most_bytes: int) -> None:
        """Begin with nothing; a line of more bytes is refused."""
        self._parts: list[bytes] = []
        self._size = 0
        self._most = most_bytes

    def feed(self, part: bytes) -> Iterator[bytes]:
        """Yield the lines that a part completes, without the empty ones.

        Raises:
            TooLarge: A line has too many bytes.
        """
        first, *rest = part.split(b"\n")
        self._add(first)
        for begin in rest:
            line = b"".join(self._parts)
            self._parts, self._size = [], 0
            if line:
                yield line
            self._add(begin)

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._most:
            raise TooLarge(f"a piece is larger than response_bytes ({self._most} bytes)")
        if part:
            self._parts.append(part)
