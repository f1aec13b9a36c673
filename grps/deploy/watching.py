"""Notices that files of a project change, by looking at them now and then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from grps.deploy.archive.tree import Tree, TreeFile
from grps.errors import GrpsError
from grps.server.configuration import load_server

Snapshot = dict[str, tuple[int, int, int]]
"""Path to modification time, size and inode."""
EDITOR_SUFFIXES = ("~", ".swp", ".swx", ".tmp")


class FileWatcher:
    """The files of a project as they were at the last check."""

    def __init__(
        self, project: Path, files: Callable[[], Iterable[TreeFile]] | None = None
    ) -> None:
        """Look at a project for the first time.

        Args:
            project: The project's folder.
            files: Lists the files that are watched; by default all of the project's.
        """
        self._project = project
        self._files = Tree(project).files if files is None else files
        self._seen: Snapshot = {}
        self._seen = self._look()

    def changes(self) -> list[str]:
        """Look again and return the paths that were changed, added or removed since."""
        before, self._seen = self._seen, self._look()
        both = before.keys() | self._seen.keys()
        return sorted(path for path in both if before.get(path) != self._seen.get(path))

    def _look(self) -> Snapshot:
        logs = self._log_dir()
        seen: Snapshot = {}
        try:
            for file in self._files():
                name = file.path.rpartition("/")[2]
                in_logs = logs is not None and file.source.is_relative_to(logs)
                if in_logs or name.startswith(".") or name.endswith(EDITOR_SUFFIXES):
                    continue
                status = file.status
                seen[file.path] = (status.st_mtime_ns, status.st_size, status.st_ino)
        except (GrpsError, OSError):
            # Something is being moved right now; the next check will show.
            return self._seen
        return seen

    def _log_dir(self) -> Path | None:
        """Where the server itself writes all the time, if it is a folder of the project's own."""
        try:
            configured = load_server(self._project / "conf" / "server.yml").log.log_dir
        except GrpsError:
            return None
        found = (self._project / configured).resolve()
        return None if self._project.resolve().is_relative_to(found) else found
