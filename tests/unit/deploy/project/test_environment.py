"""Environments of services, made by the real pip without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from grps.deploy.project.environment import prepare_environment
from grps.deploy.project.requirements import read_requirements
from grps.errors import DeployError
from tests.unit.deploy.archive.archives import write_tree
from tests.unit.deploy.project.wheels import write_wheel


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    monkeypatch.setenv("PIP_USER", "1")
    return write_tree(tmp_path / "project", {"requirements.txt": "-f wheels\ngrps_probe==1.0\n"})


def prepare(project: Path, lines: list[str]) -> str:
    env = project.parent / "env"
    return prepare_environment(env, project, read_requirements(project), lines.append)


def test_nothing_is_made_when_nothing_is_missing(project: Path, tmp_path: Path) -> None:
    write_tree(project, {"requirements.txt": "numpy\n"})
    lines: list[str] = []
    assert prepare(project, lines) == sys.executable
    assert lines == []
    assert not (tmp_path / "env").exists()


def test_environment(project: Path, tmp_path: Path) -> None:
    write_wheel(project / "wheels", "grps_probe", "1.0", "VALUE = 41\n")
    lines: list[str] = []
    python = prepare(project, lines)
    assert python == str(tmp_path / "env" / "bin" / "python")
    code = "import grps_probe, grps.server.app, numpy; print(grps_probe.VALUE)"
    answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    assert (answer.stdout, answer.stderr) == ("41\n", "")
    assert "grps_probe==1.0 is not installed" in lines
    assert any(line.startswith("Successfully installed") for line in lines)
    lines.clear()
    assert prepare(project, lines) == python
    assert lines == [f"using the service's environment {tmp_path / 'env'}"]
    # What can't be installed leaves the earlier environment as it is.
    write_tree(project, {"requirements.txt": "-f wheels\ngrps_probe==2.0\n"})
    with pytest.raises(DeployError, match=r"(?s)pip can.t install .*No matching distribution"):
        prepare(project, lines)
    assert subprocess.run([python, "-c", "import grps_probe"], check=False).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["env", "project"]


def test_failure_leaves_nothing(project: Path, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=r"(?s)requirements\.txt:\n  ERROR: .*grps_probe==1\.0"):
        prepare(project, [])
    assert [path.name for path in tmp_path.iterdir()] == ["project"]
