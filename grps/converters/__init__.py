"""Converters that need no code: from images, sound and text to tensors, from scores to labels."""

from __future__ import annotations

from grps.converters.choice import (
    EXTRAS,
    BuiltInConverter,
    RawBody,
    create_converter,
    create_runner,
    raw_body_of,
)

__all__ = [
    "EXTRAS",
    "BuiltInConverter",
    "RawBody",
    "create_converter",
    "create_runner",
    "raw_body_of",
]
