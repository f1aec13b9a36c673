"""What all structures of the configuration are made of."""

from __future__ import annotations

from typing import Annotated

import msgspec

NAME_PATTERN = r"^[A-Za-z0-9._-]{1,128}\Z"
Name = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all configuration structures."""
