"""Writes the configuration of a Python file each time it is edited, for ``grpst dev``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from grps.deploy.archive.tree import ENVIRONMENT_MARK, TreeFile
from grps.deploy.project.app_project import AppChoices, chosen, read_app, render_app
from grps.deploy.project.model_project import ModelProject, checked_conf, render_server
from grps.server.files import absolute, write_atomically

HOST = "127.0.0.1"
"""While code is written, it is served to this machine only."""


class AppBuilder:
    """The models of a file, as they are in it at the moment."""

    def __init__(self, file: Path, service: Path) -> None:
        """Prepare to write into a folder.

        Args:
            file: The file.
            service: Where ``conf/`` is written.
        """
        self._file = absolute(file)
        self._conf = service / "conf"

    def build(self) -> None:
        """Import the file and write the configuration; see ``Builder.build``."""
        entries = chosen(read_app(self._file), AppChoices())
        server = ModelProject(
            model_path=self._file,
            model_name=self._file.stem,
            inferer_type="customized",
            converter_type="none",
            host=HOST,
        )
        inference = render_app(self._file, entries)
        for name, data in checked_conf(inference, render_server(server), self._conf).items():
            write_atomically(self._conf / name, data)

    def sources(self) -> Iterator[TreeFile]:
        """Return the Python files of the folder and of its packages."""
        folder = self._file.parent
        for pattern in ("*.py", "*/*.py"):
            for path in sorted(folder.glob(pattern)):
                if not (path.parent / ENVIRONMENT_MARK).exists() and path.is_file():
                    place = path.relative_to(folder).as_posix()
                    yield TreeFile(place, path, path.stat(), None)
