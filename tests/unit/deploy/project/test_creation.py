"""The template of new projects."""

from __future__ import annotations

from pathlib import Path

from grps.deploy.project.model_project import TEMPLATES
from tools.repository import ROOT, source_files


def test_templates_have_no_hidden_files() -> None:
    """The package that is built leaves them out."""
    templates = TEMPLATES.relative_to(ROOT)
    paths = [path for path in source_files() if path.is_relative_to(templates)]
    assert Path(templates, "py", "data", "gitkeep") in paths
    assert not [path for path in paths if path.name.startswith(".")]
