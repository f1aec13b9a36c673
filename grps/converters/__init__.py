"""Converters that need no code: from images, sound and text to tensors, from scores to labels."""

from __future__ import annotations

from grps.converters.built_in import BuiltInConverter
from grps.converters.choice import create_converter

__all__ = ["BuiltInConverter", "create_converter"]
