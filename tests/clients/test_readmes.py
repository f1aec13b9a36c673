"""The programs that READMEs begin with run; C++, Java and TypeScript have tests of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import blocks
from tools.conformance.languages import environment_of
from tools.conformance.service import ConformanceService
from tools.repository import ROOT

GO = ROOT / "clients" / "go"
GO_FRAME = """\
package main

import (
	"context"
	"fmt"
	"log"

	grps "github.com/NetEase-Media/grps/clients/go"
)

func main() {
%s}
"""


@pytest.fixture(scope="module")
def variables(service: ConformanceService) -> dict[str, str]:
    return service.variables()


def programs(language: str, readme: str, variables: dict[str, str]) -> list[str]:
    """The blocks of a README in a language, for the service that runs."""
    texts = [one.text for one in blocks(ROOT / "clients" / readme) if one.language == language]
    names = ("localhost:7080", "127.0.0.1:7080")
    for name in names:
        texts = [text.replace(name, variables["GRPS_HTTP"]) for text in texts]
    assert all(variables["GRPS_HTTP"] in text for text in texts)
    return texts


def output(variables: dict[str, str], folder: Path, *command: str) -> str:
    """Run a program in a folder; return what it writes."""
    environment = environment_of(variables)
    return subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def test_python(variables: dict[str, str]) -> None:
    (program,) = programs("python", "python/README.md", variables)
    assert output(variables, ROOT, sys.executable, "-c", program) == "hello\n"


def test_go(variables: dict[str, str]) -> None:
    lines, program = programs("go", "go/README.md", variables)
    for number, text in enumerate((GO_FRAME % lines, program)):
        # In the module, so that no other copy of it is fetched; ``./...`` leaves such a folder out.
        folder = GO / "build" / f"_readme-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.go").write_text(text, encoding="utf-8")
        assert output(variables, GO, "go", "run", f"./build/{folder.name}") == "hello\n"
