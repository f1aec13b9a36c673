"""What all structures of the configuration have in common."""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

NAME_PATTERN = r"^[A-Za-z0-9._-]{1,128}\Z"
Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all configuration structures."""

    short: ClassVar[str | None] = None
    """The key that a text in place of the whole section is the value of; ``None`` for no text."""


def short_of(structure: type[msgspec.Struct]) -> str | None:
    """Return the key that a text in place of the section is the value of."""
    return structure.short if issubclass(structure, Section) else None
