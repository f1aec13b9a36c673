"""What a drawing is of: boxes on areas, and arrows between them, in both languages.

``drawings/`` has the descriptions; ``svg.py`` draws them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

Language = Literal["en", "zh"]
Side = Literal["left", "right", "top", "bottom"]
Kind = Literal["plain", "native", "instance", "outside"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")
FOLDER = Path(__file__).parent / "drawings"


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text in English and in Chinese."""

    en: str
    zh: str

    def in_language(self, language: Language) -> str:
        """Return the text in a language."""
        return self.zh if language == "zh" else self.en


class Rectangle(msgspec.Struct, frozen=True, array_like=True):
    """Where something is, in pixels from the upper left corner."""

    left: int
    top: int
    width: int
    height: int

    def middle_of(self, side: Side) -> tuple[int, int]:
        """Return the middle of a side."""
        x, y = self.left + self.width // 2, self.top + self.height // 2
        return {
            "left": (self.left, y),
            "right": (self.left + self.width, y),
            "top": (x, self.top),
            "bottom": (x, self.top + self.height),
        }[side]


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What boxes stand on.

    Attributes:
        at: Where it is.
        caption: What its boxes have in common, at its upper left.
    """

    at: Rectangle
    caption: Text


class Box(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A box.

    Attributes:
        key: What arrows call it.
        at: Where it is.
        title: In bold.
        lines: Below the title.
        kind: Its colour.
    """

    key: str
    at: Rectangle
    title: Text
    lines: tuple[Text, ...] = ()
    kind: Kind = "plain"


class Arrow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An arrow from a side of a box to a side of another, with at most two bends.

    Attributes:
        start: The key of a box and its side.
        end: The key of a box and its side.
        label: At the longest part of the arrow.
        is_double: Whether it has a head at both ends.
    """

    start: tuple[str, Side]
    end: tuple[str, Side]
    label: Text | None = None
    is_double: bool = False


class Drawing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A drawing.

    Attributes:
        name: Of its files.
        size: Its width and height, in pixels.
        title: What readers hear who do not see it.
        areas: Behind the boxes.
        boxes: On the areas.
        arrows: Between the boxes.
    """

    name: str
    size: tuple[int, int]
    title: Text
    areas: tuple[Area, ...]
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def drawings() -> list[Drawing]:
    """Return all drawings."""
    return [
        msgspec.yaml.decode(file.read_bytes(), type=Drawing)
        for file in sorted(FOLDER.glob("*.yml"))
    ]
