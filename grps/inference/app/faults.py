"""Where in the user's file something is wrong, and what to do."""

from __future__ import annotations

import inspect
import sys
import traceback
from pathlib import Path
from typing import Any

from grps.errors import GrpsError
from grps.inference.runner import describe


def located(error: BaseException, where: Any) -> str:
    """Return an exception of the user's code as one line with file, line and advice.

    Args:
        error: The exception.
        where: The file that was run, or a function or class of it.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}: {error.msg}"
    text = str(error) if isinstance(error, GrpsError) else describe(error)
    place = _place(error, where)
    if place is None or text.startswith(place.rpartition(":")[0]):
        return text
    return f"{place}: {text}{_advice(error)}"


def _place(error: BaseException, where: Any) -> str | None:
    """Return the last line of the user's files that the exception passed."""
    file = where if isinstance(where, Path) else _file_of(where)
    if file is None:
        return None
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).parent == file.parent]
    return f"{own[-1].filename}:{own[-1].lineno}" if own else None


def _file_of(target: Any) -> Path | None:
    try:
        return Path(inspect.getfile(target))
    except (OSError, TypeError):
        return None


def _advice(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return f"; install it: {sys.executable} -m pip install {package}"
    return ""
