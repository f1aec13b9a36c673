"""The files of a project: what is packed, and what is watched for changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grps.errors import ArchiveError

SKIPPED_FOLDERS = frozenset(
    {
        "__pycache__",
        ".git",
        ".hg",
        ".svn",
        ".idea",
        ".vscode",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
    }
)
SKIPPED_AT_TOP = frozenset({"logs", "run"})
"""What a server leaves; elsewhere these names are the user's."""
SKIPPED_SUFFIXES = (".pyc", ".pyo")
ARCHIVE_SUFFIX = ".mar"
ENVIRONMENT_MARK = "pyvenv.cfg"


@dataclass(frozen=True, slots=True)
class TreeFile:
    """One file of a project."""

    path: str
    """Its place in the project, parts joined by '/'."""
    source: Path
    """Where it is read, links resolved."""
    status: os.stat_result
    outside: Path | None
    """The link's target when it came from outside of the project through a link."""


class Tree:
    """Walks a project's folder; links are followed, wherever they lead."""

    def __init__(self, root: Path) -> None:
        """Prepare to walk ``root``."""
        self._root = root.resolve()

    def files(self) -> Iterator[TreeFile]:
        """Yield every file that belongs to the project, folder by folder.

        Raises:
            ArchiveError: A link is broken or leads around in a circle, or something is neither
                file nor folder.
        """
        yield from self._folder(self._root, "", (self._root,), None)

    def _folder(
        self, folder: Path, at: str, above: tuple[Path, ...], outside: Path | None
    ) -> Iterator[TreeFile]:
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            path = f"{at}/{entry.name}" if at else entry.name
            if skipped_name(path):
                continue
            source, status = self._resolve(Path(entry.path), path)
            via = outside
            if entry.is_symlink() and not source.is_relative_to(self._root):
                via = source
            if stat.S_ISDIR(status.st_mode):
                if source in above:
                    raise ArchiveError(f"{path}: the link leads around in a circle, to {source}")
                if not (source / ENVIRONMENT_MARK).exists():
                    yield from self._folder(source, path, (*above, source), via)
            elif stat.S_ISREG(status.st_mode):
                yield TreeFile(path, source, status, via)
            else:
                raise ArchiveError(f"{path}: neither a file nor a folder; move it away")

    @staticmethod
    def _resolve(found: Path, path: str) -> tuple[Path, os.stat_result]:
        try:
            source = found.resolve(strict=True)
            return source, source.stat()
        except FileNotFoundError as error:
            if not found.is_symlink():
                raise ArchiveError(f"{path}: the file was removed while it was read") from error
            raise ArchiveError(
                f"{path}: the link is broken; it leads to {found.readlink()}"
            ) from error
        except (OSError, RuntimeError) as error:
            if found.is_symlink():
                raise ArchiveError(f"{path}: the link leads around in a circle") from error
            raise


def skipped_name(path: str) -> bool:
    """Return whether a path of a project is left out by its name."""
    name = path.rpartition("/")[2]
    at_top = name == path
    return (
        name in SKIPPED_FOLDERS
        or name.endswith(SKIPPED_SUFFIXES)
        or (at_top and (name in SKIPPED_AT_TOP or name.endswith(ARCHIVE_SUFFIX)))
    )
