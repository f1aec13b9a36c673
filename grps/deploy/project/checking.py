"""Checks of a project before it is packed: its own test, its configuration, its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from grps.deploy.cpp.sources import is_cpp_project
from grps.deploy.project.files import missing_modules, named_files
from grps.deploy.project.registrations import check_code
from grps.deploy.project.requirements import read_requirements
from grps.errors import ArchiveError
from grps.server.project import Project

TEST = "test.py"


def run_test(project: Path) -> None:
    """Run the project's test; its output goes where this process's goes.

    Raises:
        ArchiveError: There is none, or it fails.
    """
    if not (project / TEST).is_file():
        raise ArchiveError(f"{project / TEST} is missing; write a test, or pass --skip_unittest")
    code = subprocess.run([sys.executable, TEST], cwd=project, check=False).returncode
    if code != 0:
        raise ArchiveError(
            f"{project / TEST} failed (exit code {code}); nothing is packed "
            "(--skip_unittest packs all the same)"
        )


def check_project(folder: Path) -> list[str]:
    """Check what can be known to be wrong without loading a model.

    Plugins of a project in C++ need not be there: they are built later.

    Returns:
        Notes for the user: files the project refers to but does not contain, and names that may
        not be registered.

    Raises:
        GrpsError: The configuration, the code or the requirements are wrong, or a file is missing.
    """
    project = Project.read(folder)
    read_requirements(folder)
    for model, key, file in missing_modules(project):
        raise ArchiveError(f"{file} is missing; {model} needs it for its {key}")
    notes = check_code(project, sys.executable)
    is_built = is_cpp_project(folder)
    for named in named_files(project):
        if Path(named.path).is_absolute():
            notes.append(f"{named.model}: {named.path} is not packed, as its path is absolute")
        elif not (folder / named.path).exists() and not (is_built and named.is_plugin):
            raise ArchiveError(f"{named.model}: {named.key} {named.path} is not in {folder}")
    return notes
