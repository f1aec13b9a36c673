"""How the tool speaks: results on stdout, notices and errors on stderr."""

from __future__ import annotations

import os
import sys

import click

from grps.log import STDERR_VARIABLE, json_line


def color() -> bool | None:
    """Return False where ``NO_COLOR`` is set; else leave it to whether the stream is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def _is_log() -> bool:
    """Return whether standard error is read as a log of JSON, as in containers."""
    return os.environ.get(STDERR_VARIABLE) == "json" and not sys.stderr.isatty()


def say(text: str) -> None:
    """Print a line of the result."""
    click.echo(text, color=color())


def notice(text: str) -> None:
    """Print a line about what was decided or happened."""
    click.echo(json_line("INFO", text) if _is_log() else text, err=True, color=color())


def complain(text: str) -> None:
    """Print an error."""
    if _is_log():
        click.echo(json_line("ERROR", text), err=True)
        return
    click.echo(f"{click.style('error:', fg='red', bold=True)} {text}", err=True, color=color())


def duration(seconds: float) -> str:
    """Return a length of time with its two largest units: ``3d 4h``, ``5m 12s``, ``7s``."""
    left = max(int(seconds), 0)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return " ".join(parts[:2])
