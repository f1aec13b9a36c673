"""Paths that outlive a command."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.server.files import absolute


def test_an_absolute_path_keeps_its_links(tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("v1")
    assert absolute(tmp_path / "current" / "model.onnx") == tmp_path / "current" / "model.onnx"


def test_a_relative_path_starts_at_the_folder_as_the_shell_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "v1").mkdir()
    current = tmp_path / "current"
    current.symlink_to("v1")
    monkeypatch.chdir(current)
    monkeypatch.setenv("PWD", str(current))
    assert absolute(Path("model.onnx")) == current / "model.onnx"
    assert absolute(Path()) == current


@pytest.mark.parametrize("shown", [None, "", "v1", "/no/such/folder", "/"])
def test_a_name_of_another_folder_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shown: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    if shown is None:
        monkeypatch.delenv("PWD", raising=False)
    else:
        monkeypatch.setenv("PWD", shown)
    assert absolute(Path("model.onnx")) == Path.cwd() / "model.onnx"
