"""Reads the small files beside the weights of a language model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from grps.errors import ModelError

_MAX_FILE_BYTES = 256 << 20


def read_text(path: Path) -> str:
    """Return the text of a file.

    Raises:
        ModelError: It is missing, too large, or not UTF-8.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ModelError(f"{path}: larger than {_MAX_FILE_BYTES >> 20} MiB")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: can't be read: {error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the object of a file; an empty one when there is no such file.

    Raises:
        ModelError: The file can't be read, or has no JSON object.
    """
    if not path.exists():
        return {}
    found = _parsed(path)
    if not isinstance(found, dict):
        raise ModelError(f"{path}: not a JSON object")
    return found


def read_json_list(path: Path) -> list[dict[str, Any]]:
    """Return the objects of the list of a file; none when there is no such file.

    Raises:
        ModelError: The file can't be read, or has no list of JSON objects.
    """
    if not path.exists():
        return []
    found = _parsed(path)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise ModelError(f"{path}: not a list of JSON objects")
    return found


def _parsed(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not JSON: {error}") from error
