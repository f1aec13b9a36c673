"""Whether all parts of the repository name one version."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tools.release.plan import workspace_version
from tools.release.versions import PLACES, different_versions, missing_changes
from tools.repository import ROOT


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for pattern, _ in PLACES:
        for path in ROOT.glob(pattern):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    return tmp_path


def test_this_repository_names_one_version() -> None:
    assert list(different_versions(workspace_version())) == []


@pytest.mark.parametrize("version", ["0.2.0", "1.0.0-rc.1"])
def test_each_place_that_was_left_behind_is_named(repository: Path, version: str) -> None:
    found = list(different_versions(version, repository))
    files = {line.split(":")[0] for line in found}
    assert files >= {"Cargo.lock", "clients/js/package.json", "deploy/helm/grps/Chart.yaml"}
    assert len(files) >= len(PLACES)
    assert all(line.endswith(f"but Cargo.toml has {version}") for line in found)
    assert not any("grps-api" in line for line in found)


def test_a_place_that_names_none_is_named(repository: Path) -> None:
    chart = repository / "deploy" / "helm" / "grps" / "Chart.yaml"
    chart.write_text(chart.read_text().replace("ersion: ", "ersion: v"))
    (repository / "clients" / "js" / "package.json").unlink()
    assert list(different_versions(workspace_version(), repository)) == [
        "clients/js/package.json: no such file",
        "deploy/helm/grps/Chart.yaml: names no version where one is expected",
    ]


@pytest.mark.parametrize(
    ("heading", "is_enough", "is_enough_for_a_release"),
    [
        ("## [1.2.0] - 2026-12-24", True, True),
        ("## [Unreleased]", True, False),
        ("## [1.2.0]", False, False),
        ("## [1.2.0-rc.1] - 2026-12-24", False, False),
        ("## [1.2.01] - 2026-12-24", False, False),
    ],
)
def test_the_changes_have_a_section_of_the_version(
    tmp_path: Path, heading: str, is_enough: bool, is_enough_for_a_release: bool
) -> None:
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n\n- A change.\n")
    for released, expected in ((False, is_enough), (True, is_enough_for_a_release)):
        assert (list(missing_changes("1.2.0", released=released, root=tmp_path)) == []) is expected
