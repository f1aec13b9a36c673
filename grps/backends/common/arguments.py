"""Reading of ``inferer_args``, the same for every backend."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from grps.errors import ModelError

Arguments = TypeVar("Arguments", bound=msgspec.Struct)


def read_arguments(
    kind: type[Arguments],
    given: dict[str, Any] | None,
    section: str = "inferer_args",
    allowed: tuple[str, ...] | None = None,
) -> Arguments:
    """Check ``given`` against the fields of ``kind`` and return it as a ``kind``.

    An empty value means the default.

    Args:
        kind: What the arguments are.
        given: What the user wrote.
        section: Where, for messages.
        allowed: Keys to name when one is unknown; the fields of ``kind`` when ``None``.

    Raises:
        ModelError: A key is unknown or a value has the wrong type.
    """
    known = kind.__struct_fields__
    present = {key: value for key, value in (given or {}).items() if value is not None}
    for key in given or {}:
        if key not in known:
            words = allowed or known
            near = difflib.get_close_matches(str(key), words, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ModelError(f"{section}: unknown key {key!r}{meant} (allowed: {', '.join(words)})")
    try:
        return msgspec.convert(present, kind)
    except msgspec.ValidationError as error:
        cause, _, place = str(error).partition(" - at `$.")
        key = place.rstrip("`") or section
        raise ModelError(f"{section}: {key}: {cause}") from error


def as_list(given: str | tuple[str, ...] | None) -> list[str]:
    """Return the words of a list, or of one string parted by commas."""
    words = given.split(",") if isinstance(given, str) else given or ()
    return [word.strip() for word in words if word.strip()]


def library_paths(given: str | tuple[str, ...] | None) -> list[Path]:
    """Return the libraries of custom operators: a list, or one string parted by commas.

    Raises:
        ModelError: A library is missing.
    """
    paths = [Path(name) for name in as_list(given)]
    for path in paths:
        if not path.is_file():
            raise ModelError(f"library of custom operators {path}: no such file")
    return paths
