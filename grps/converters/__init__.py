"""Converters that need no code: from images, sound and text to tensors, from scores to labels."""

from __future__ import annotations

from grps.converters.choice import BuiltInConverter, create_converter, create_runner

__all__ = ["BuiltInConverter", "create_converter", "create_runner"]
