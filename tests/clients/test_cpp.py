"""The client for C++ as its users get it: installed, with the code of its pages."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools.conformance.languages import LANGUAGES, build, environment_of
from tools.conformance.service import ConformanceService
from tools.repository import ROOT

pytestmark = pytest.mark.timeout(1200)


def test_the_code_of_its_pages_runs_against_an_installed_client(
    service: ConformanceService, tmp_path: Path
) -> None:
    language, variables = LANGUAGES["cpp"], service.variables(tmp_path / "results.jsonl")
    build(language, variables)
    subprocess.run(
        ["tests/installed.sh"],
        cwd=ROOT / language.folder,
        env=environment_of(variables),
        check=True,
    )
