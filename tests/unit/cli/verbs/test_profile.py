"""``grpst profile``."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from grps.cli.main import main
from tests.models import MAGIKA
from tests.support import REPOSITORY

QUICK = ("--seconds", "0.1", "--no_machine", "--no_threads", "--max_batch", "2")


def profile(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["profile", *map(str, arguments)])


def test_shows_the_operators_of_a_model(tmp_path: Path) -> None:
    page, record = tmp_path / "p.html", tmp_path / "p.json"
    shown = profile(MAGIKA, *QUICK, "--html", page, "--json", record, "--rows", 3)
    assert shown.exit_code == 0, shown.output
    assert f"model   {MAGIKA}, run by ONNX Runtime on cpu" in shown.stdout
    lines = shown.stdout.splitlines()
    [head] = [at for at, line in enumerate(lines) if line.startswith("OPERATOR ")]
    assert " others " in lines[head + 4]
    assert lines[head + 5].startswith("(engine, between operators)")
    assert "ROWS/S" in shown.stdout
    assert "operators explain " in shown.stderr
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert len(json.loads(record.read_text())["operators"]) > 3


def test_takes_inputs_of_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    np.save(file, np.zeros((1, 2048), np.int32))
    for words in ([f"@{file}"], [f"bytes=@{file}"]):
        shown = profile(MAGIKA, *words, *QUICK)
        assert "bytes int32[1,2048] (given)" in shown.stdout, shown.output
    shown = profile(MAGIKA, "[[1.5]]", *QUICK)
    assert shown.exit_code == 2
    assert "the model takes whole numbers (int32)" in shown.output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--shape", "other=1x2"), 1, "the model has no input 'other'; give bytes=…"),
        (("--shape", "1x3"), 1, "input 'bytes' has the shape ?,2048, not 1,3"),
        (("--device", "cuda"), 1, "profiles are made on the CPU; use --device cpu"),
        (("--model", "m"), 2, "--model is for projects"),
        (("--stacks", "s.txt"), 2, "--stacks is for projects"),
        (("--signature", "s"), 2, "--signature is for tensorflow models"),
        (("--text", "a", "[[1]]"), 2, "give either inputs or --text"),
        (("--max_batch", "-1"), 2, "-1 is not in the range"),
        (("--seconds", "0"), 2, "0.0 is not in the range"),
        (("--engine", "xgboost"), 2, "'xgboost' is not one of"),
    ],
)
def test_refuses(arguments: tuple[str, ...], code: int, words: str) -> None:
    shown = profile(MAGIKA, *arguments)
    assert shown.exit_code == code, shown.output
    assert words in " ".join(shown.output.split())


def test_samples_the_code_of_a_project(tmp_path: Path) -> None:
    stacks, page = tmp_path / "stacks.txt", tmp_path / "p.html"
    project = REPOSITORY / "examples" / "numpy_y_2x"
    shown = profile(project, "[[1.0, 2.0]]", "--seconds", "0.1", "--stacks", stacks, "--html", page)
    assert shown.exit_code == 0, shown.output
    assert f"model    double-1.0.0 of {project}" in shown.stdout
    assert "WITH CALLS" in shown.stdout
    assert "the project's code and what it calls explain" in shown.stderr
    assert all(line.rsplit(" ", 1)[1].isdecimal() for line in stacks.read_text().splitlines())
    assert 'class="flame"' in page.read_text()
    shown = profile(project, "--seconds", "0.1")
    assert shown.exit_code == 1
    assert "model double-1.0.0: no request is known" in shown.output
