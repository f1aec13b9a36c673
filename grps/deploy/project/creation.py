"""Makes the folder of a new project from the template."""

from __future__ import annotations

import shutil
from pathlib import Path

from grps.deploy.project.model_project import TEMPLATES
from grps.errors import DeployError

PROJECT_TYPES = ("py",)
"""Kinds of projects, each with a template."""
HIDDEN = ("gitkeep",)
"""Files whose names begin with a dot in a project, but not here: packages leave such files out."""


def create_project(target: Path, project_type: str = "py") -> list[str]:
    """Write a new project that works as it is.

    Args:
        target: The folder to make; it may exist when it is empty.
        project_type: One of ``PROJECT_TYPES``.

    Returns:
        The written files, relative to the target.

    Raises:
        DeployError: The target is a file or holds something.
    """
    if target.is_dir():
        if first := next(target.iterdir(), None):
            raise DeployError(f"{target} is not empty (it holds {first.name}); choose a new folder")
    elif target.exists() or target.is_symlink():
        raise DeployError(f"{target} is not a folder")
    template = TEMPLATES / project_type
    written = []
    for source in sorted(template.rglob("*")):
        if not source.is_file() or "__pycache__" in source.parts:
            continue
        relative = source.relative_to(template)
        if source.name in HIDDEN:
            relative = relative.with_name(f".{source.name}")
        (target / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / relative)
        written.append(str(relative))
    return written
