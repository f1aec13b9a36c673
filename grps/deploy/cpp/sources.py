"""The sources of a project in C++: all of it but what an earlier build left."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from grps.deploy.archive.tree import Tree, TreeFile
from grps.errors import ConfigError
from grps.server.loading.upstream_cpp import is_upstream_cpp
from grps.server.project import USER_MODULES, Project

BUILD_FILE = "CMakeLists.txt"
PLUGIN = "plugin"
"""The ``inferer_type`` of models that a library of the project runs."""
CACHE = "CMakeCache.txt"
"""What CMake leaves at the top of a build tree."""
BUILD_FOLDER = "build"
UPSTREAM_TREES = (BUILD_FOLDER, "lib", "second_party/grps-server-framework")
"""Folders of a project for upstream's C++ edition that are not sources: the framework is ours."""
LINKED_BYTES = 16 * 1024 * 1024
"""Files from this size on are linked to, not copied: they are weights, which no build changes."""


def is_cpp_project(project: Path) -> bool:
    """Return whether a project is built before it is served.

    One with code in Python is if it has a plugin as well: its ``CMakeLists.txt`` may be for
    anything else.
    """
    if not (project / BUILD_FILE).is_file():
        return False
    if not any((project / "src" / f"{name}.py").is_file() for name in USER_MODULES):
        return True
    try:
        models = Project.read(project).inference.models
    except ConfigError:
        return False
    return any(model.inferer_type == PLUGIN for model in models)


def source_files(project: Path) -> Iterator[TreeFile]:
    """Yield every file of the project that is not in a build tree.

    Raises:
        ArchiveError: As ``Tree.files``.
    """
    trees = tuple(f"{tree}/" for tree in build_trees(project))
    for file in Tree(project).files():
        if not file.path.startswith(trees):
            yield file


def build_trees(project: Path) -> list[str]:
    """List the folders that a build makes or replaces, relative to the project.

    They have CMake's cache and no ``CMakeLists.txt``. A folder ``build`` at the top that has build
    trees is one as a whole.
    """
    found = []
    for folder, folders, files in os.walk(project):
        at = Path(folder)
        if at != project and CACHE in files and BUILD_FILE not in files:
            found.append(at.relative_to(project).as_posix())
            folders.clear()
    if any(tree.startswith(f"{BUILD_FOLDER}/") for tree in found):
        found.append(BUILD_FOLDER)
    if is_upstream_cpp(project):
        found.extend(UPSTREAM_TREES)
    return found


def copy_sources(files: Iterable[TreeFile], target: Path) -> None:
    """Copy files into a folder, with their times and permissions.

    Args:
        files: The files of a project.
        target: The folder; a build may change everything in it.
    """
    for file in files:
        copy = target / file.path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.unlink(missing_ok=True)
        if file.status.st_size >= LINKED_BYTES:
            copy.symlink_to(file.source)
        else:
            shutil.copy2(file.source, copy)
