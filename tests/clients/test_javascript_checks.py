"""The TypeScript client passes its own checks: generated code, eslint, prettier, unit tests."""

from __future__ import annotations

import subprocess

import pytest

from tools.conformance.languages import LANGUAGES, build, environment_of
from tools.repository import ROOT

COMMANDS = {"lint": ("npm", "run", "--silent", "lint"), "test": ("node", "--test", "build/test/")}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", COMMANDS)
def test_it_passes(name: str) -> None:
    language = LANGUAGES["js"]
    build(language, {})
    ran = subprocess.run(
        COMMANDS[name],
        cwd=ROOT / language.folder,
        env=environment_of({}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
