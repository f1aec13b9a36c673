"""One-line causes out of the long texts that engines raise."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Join the lines of ``text``."""
    return " ".join(text.split())
