"""What ``inferer_args`` say of a text model in place of its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from grps.backends.common.language.text_files import Pooling
from grps.errors import ModelError


class TextModelArguments(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of a directory of a text model."""

    pooling: Pooling | None = None
    """How the vectors of the tokens become one."""
    normalize: bool | None = None
    """Whether embeddings have the length 1."""
    max_length: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Most tokens of a text; at most what the network takes."""
    matryoshka: bool = False
    """Whether the first numbers of an embedding are a shorter one."""


def text_arguments(given: Mapping[str, Any] | None) -> TextModelArguments:
    """Return the keys of a text model out of those of its engine, which were checked."""
    known = TextModelArguments.__struct_fields__
    found = {key: value for key, value in (given or {}).items() if key in known}
    return msgspec.convert(
        {key: value for key, value in found.items() if value is not None}, TextModelArguments
    )


def refuse_text_arguments(arguments: TextModelArguments) -> None:
    """Refuse the keys of a text model for another one.

    Raises:
        ModelError: One is set.
    """
    for key in TextModelArguments.__struct_fields__:
        if getattr(arguments, key) not in (None, False):
            raise ModelError(
                f"inferer_args: {key} is for a directory of sentence-transformers, which this "
                "model is not; leave it out"
            )
