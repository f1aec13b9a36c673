"""Checks of a project before it is packed: its own test, its configuration, its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from grps.deploy.project.requirements import read_requirements
from grps.errors import ArchiveError
from grps.server.project import USER_MODULES, Project

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

    Returns:
        Notes for the user: files the project refers to but does not contain.

    Raises:
        GrpsError: The configuration or the requirements are wrong, or a file is missing.
    """
    project = Project.read(folder)
    read_requirements(folder)
    notes = []
    for model in project.inference.models:
        for name, key in USER_MODULES.items():
            file = folder / "src" / f"{name}.py"
            if getattr(model, key) == "customized" and not file.is_file():
                raise ArchiveError(f"{file} is missing; {model.key} needs it for its {key}")
        path = model.inferer_path
        if path is None or model.inferer_type == "customized":
            continue
        if Path(path).is_absolute():
            notes.append(f"{model.key}: {path} is not packed, as its path is absolute")
        elif not (folder / path).exists():
            raise ArchiveError(f"{model.key}: inferer_path {path} is not in {folder}")
    return notes
