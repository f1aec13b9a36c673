"""The values of the flags of ``grpst perf``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import click

from grps.perf import Closed, Constant, Load, Poisson, read_trace

_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^/:\s]+):\d+")
_MOST_LEVELS = 64
DEFAULT_CONCURRENCY = "16"


def is_address(target: str) -> bool:
    """Whether a target is a URL or ``HOST:PORT``, and not the name of a service."""
    return "://" in target or _ADDRESS.fullmatch(target) is not None


def read_loads(
    concurrency: str | None, rate: str | None, trace: Path | None, *, arrivals: str, seed: int
) -> list[Load]:
    """Return the loads that flags ask for, in their order.

    Raises:
        UsageError: A flag has a wrong value, or two go not together.
    """
    given = [
        flag
        for flag, value in (("--concurrency", concurrency), ("--rate", rate), ("--trace", trace))
        if value is not None
    ]
    if len(given) > 1:
        raise click.UsageError(f"give either {' or '.join(given)}")
    if trace is not None:
        return [read_trace(trace)]
    if rate is not None:
        rates = _numbers("--rate", rate)
        if arrivals == "constant":
            return [Constant(one) for one in rates]
        return [Poisson(one, seed) for one in rates]
    levels = _numbers("--concurrency", concurrency or DEFAULT_CONCURRENCY)
    if any(level != int(level) for level in levels):
        raise click.UsageError(f"--concurrency {concurrency}: use whole numbers")
    return [Closed(int(level)) for level in levels]


def _numbers(flag: str, text: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(0 < number < float("inf") for number in numbers):
        raise click.UsageError(f"{flag} {text!r}: use numbers above 0, such as 8 or 1,8,32")
    if len(numbers) > _MOST_LEVELS:
        raise click.UsageError(f"{flag}: at most {_MOST_LEVELS} levels")
    return numbers


def read_shapes(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return shapes by the names of inputs: ``NAME=1,3,224,224``, or a shape alone.

    Raises:
        UsageError: One has another form.
    """
    shapes = {}
    for text in texts:
        name, has_name, sizes = text.rpartition("=")
        try:
            shape = tuple(int(size) for size in re.split("[,x]", sizes)) if sizes else ()
        except ValueError:
            shape = (-1,)
        if any(size < 0 for size in shape) or (has_name and not name):
            raise click.UsageError(f"--shape {text!r}: use NAME=1,3,224,224")
        shapes[name] = shape
    return shapes


def read_headers(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Return headers of HTTP: ``NAME: VALUE`` each.

    Raises:
        UsageError: One has another form.
    """
    headers = []
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise click.UsageError(f"--header {text!r}: use 'NAME: VALUE'")
        headers.append((name.strip().lower(), value.strip()))
    return tuple(headers)
