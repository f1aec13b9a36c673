"""What ``grpst dockerize`` checks and says before its longest step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grps.deploy.container import context
from grps.deploy.container.needs import Needs

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Grpst


@pytest.mark.parametrize("given", [False, True])
def test_packing_the_installed_grps_is_announced(
    grpst: Grpst, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    def write(_source: Path, folder: Path, _wishes: context.Wishes) -> context.Context:
        return context.Context(folder, Needs(extras=("onnx",)), ("serve", "/models/model.onnx"))

    monkeypatch.setattr(context, "write_context", write)
    model = tmp_path / "model.onnx"
    model.touch()
    flags = ("--wheel", str(model)) if given else ()
    result = grpst("dockerize", str(model), "-o", str(tmp_path / "image"), *flags)
    assert result.exit_code == 0
    assert ("packing the GRPS that runs here" in result.stderr) is not given


def test_flags_of_the_container_are_checked(grpst: Grpst, tmp_path: Path) -> None:
    model, image = tmp_path / "model.onnx", tmp_path / "image"
    model.touch()
    result = grpst("dockerize", model, "-o", image, "--", "--instance", "2")
    assert result.exit_code == 2
    assert "behind --, for grpst serve: No such option '--instance'" in result.stderr
    assert "--instances" in result.stderr
    assert not image.exists()


@pytest.mark.parametrize("verb", ["archive", "dockerize", "start"])
def test_one_file_is_no_project(grpst: Grpst, tmp_path: Path, verb: str) -> None:
    app = tmp_path / "app.py"
    app.write_text("x = 1\n")
    result = grpst(verb, app)
    assert result.exit_code == 1
    assert f"grpst serve {app} puts it online as it is; to pack it, make a" in result.stderr
    assert "guides/projects.md#from-one-file-to-a-project" in result.stderr
