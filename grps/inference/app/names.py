"""The name of a model's code in ``inference.yml``: ``app.py:double``."""

from __future__ import annotations

import re

_NAME = re.compile(r"(?P<file>.+\.py):(?P<target>[^\W\d]\w*)")


def name_of(file: str, target: str) -> str:
    """Return the ``inferer_name`` of a function or class of a file."""
    return f"{file}:{target}"


def file_of(inferer_name: str | None) -> str | None:
    """Return the file that an ``inferer_name`` is in; ``None`` for a name that code registers."""
    found = _NAME.fullmatch(inferer_name or "")
    return None if found is None else found["file"]
