"""Writing of files that others may read at any moment, and paths that outlive a command."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path


def absolute(path: Path) -> Path:
    """Return ``path`` from the root of the file system, its links as they are.

    A path that is kept is followed each time it is used: a link that leads elsewhere by then, such
    as to the next release, is followed to there. For the same reason a relative path starts at the
    working folder as the shell names it, where that is a link.
    """
    if path.is_absolute():
        return path
    shown = Path(os.environ.get("PWD", ""))
    with suppress(OSError):
        if shown.is_absolute() and shown.samefile(Path()):
            return shown / path
    return path.absolute()


def current_umask() -> int:
    """Return the permissions that new files of this process do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_atomically(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace ``path`` as a whole: a reader sees the old bytes or the new ones, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    number, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as stream:
            stream.write(data)
            os.fchmod(stream.fileno(), mode)
        Path(temporary).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(temporary).unlink()
        raise
