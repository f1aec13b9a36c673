"""Changes of bytes that a parser should survive."""

from __future__ import annotations

import re
from random import Random

from tools.fuzz.openings import NUMBERS, OPENINGS


def mutate(sent: bytes, rng: Random) -> bytes:
    """Change bytes in some of the ways below."""
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        sent = rng.choice(WAYS)(sent, rng)
    return sent


def _span(sent: bytes, rng: Random, most: int = 64) -> tuple[int, int]:
    start = rng.randint(0, len(sent))
    return start, min(len(sent), start + rng.randint(1, most))


def _cut(sent: bytes, rng: Random) -> bytes:
    return sent[: rng.randint(0, len(sent))]


def _remove(sent: bytes, rng: Random) -> bytes:
    start, end = _span(sent, rng)
    return sent[:start] + sent[end:]


def _repeat(sent: bytes, rng: Random) -> bytes:
    start, end = _span(sent, rng)
    return sent[:end] + sent[start:end] * rng.choice((1, 2, 50)) + sent[end:]


def _insert(sent: bytes, rng: Random) -> bytes:
    start, _ = _span(sent, rng)
    piece = rng.choice((b"\0", b"\xff", b"\r\n", b"\n", b" ", b":", b'"', rng.randbytes(8)))
    return sent[:start] + piece * rng.choice((1, 1, 3, 300)) + sent[start:]


def _flip(sent: bytes, rng: Random) -> bytes:
    changed = bytearray(sent)
    for _ in range(rng.choice((1, 2, 8))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _number(sent: bytes, rng: Random) -> bytes:
    """Replace a number in text."""
    found = list(re.finditer(rb"-?\d+", sent))
    if not found:
        return sent
    one = rng.choice(found)
    new = str(rng.choice(NUMBERS) * rng.choice((1, -1))).encode()
    return sent[: one.start()] + new + sent[one.end() :]


def _length(sent: bytes, rng: Random) -> bytes:
    """Replace four bytes, such as a length."""
    start, _ = _span(sent, rng)
    return sent[:start] + (rng.choice(NUMBERS) % 2**32).to_bytes(4, "big") + sent[start + 4 :]


def _join(sent: bytes, rng: Random) -> bytes:
    """Go on as another protocol."""
    return sent + rng.choice(list(OPENINGS.values()))(rng)


WAYS = (_cut, _remove, _repeat, _insert, _flip, _flip, _number, _length, _join)
