"""``grpst example``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.shell_completion import ShellComplete

from grps.cli.main import main
from grps.deploy.project.examples import EXAMPLES, FOLDER

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Grpst


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_a_name_they_are_listed(grpst: Grpst) -> None:
    result = grpst("example")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[: len(EXAMPLES)]] == [*EXAMPLES]
    for line, example in zip(lines, EXAMPLES.values(), strict=False):
        assert line.endswith(example.summary)


def test_each_has_files() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*EXAMPLES}


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_written_and_the_next_command_is_shown(grpst: Grpst, name: str) -> None:
    result = grpst("example", name)
    assert result.exit_code == 0
    written = [line.split()[1] for line in result.stdout.splitlines() if line.startswith("wrote")]
    assert written
    assert all(Path(file).is_file() for file in written)
    assert f"run    {EXAMPLES[name].run.format(folder=name)}\n" in result.stdout


def test_files_are_never_replaced(grpst: Grpst) -> None:
    Path("mine").mkdir()
    Path("mine/other.txt").touch()
    assert grpst("example", "graph", "mine").exit_code == 0
    app = Path("mine/app.py")
    app.write_text("# mine\n")
    result = grpst("example", "app", "mine")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: mine/app.py is there already; give another folder")
    assert app.read_text() == "# mine\n"
    Path("file").touch()
    assert "file is not a folder" in grpst("example", "app", "file").stderr


def test_names_are_suggested_and_completed(grpst: Grpst) -> None:
    result = grpst("example", "imag")
    assert result.exit_code == 2
    assert "'imag' is none of: app, " in result.stderr
    assert "(did you mean 'image'?)" in result.stderr
    assert isinstance(main, click.Command)
    shell = ShellComplete(main, {}, "grpst", "_GRPST_COMPLETE")
    assert [one.value for one in shell.get_completions(["example"], "st")] == ["stream"]
