"""The template of new projects."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from grps.deploy.project.creation import PROJECT_TYPES, create_project
from grps.deploy.project.model_project import TEMPLATES
from tools.repository import ROOT, source_files


def test_templates_have_no_hidden_files() -> None:
    """The package that is built leaves them out."""
    templates = TEMPLATES.relative_to(ROOT)
    paths = [path for path in source_files() if path.is_relative_to(templates)]
    assert Path(templates, "py", "data", "gitkeep") in paths
    assert not [path for path in paths if path.name.startswith(".")]


@pytest.mark.parametrize("kind", [name for name, kind in PROJECT_TYPES.items() if kind.is_cpp])
def test_projects_in_cpp_are_formatted_as_they_say(tmp_path: Path, kind: str) -> None:
    files = create_project(tmp_path, kind)
    sources = [name for name in files if name.endswith(".cpp")]
    assert sources == ["src/your_inferer.cpp", "tests/your_inferer_test.cpp"]
    assert {".clang-format", ".gitignore", "README.md", "docker/Dockerfile"} <= set(files)
    command = ["clang-format", "--dry-run", "--Werror", *sources]
    subprocess.run(command, cwd=tmp_path, check=True)
