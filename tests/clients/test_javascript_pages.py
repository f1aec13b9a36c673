"""The JavaScript of the pages about the client runs against a real service."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, blocks
from tools.conformance.languages import LANGUAGES, build, environment_of
from tools.conformance.service import ConformanceService
from tools.repository import ROOT

FOLDER = ROOT / "clients" / "js"
PAGES = (FOLDER / "README.md", DOCS / "clients" / "javascript.md")


@pytest.mark.timeout(600)
def test_every_block_runs(service: ConformanceService, tmp_path: Path) -> None:
    variables = service.variables(tmp_path / "results.jsonl")
    build(LANGUAGES["js"], variables)
    replaced = {
        '"127.0.0.1:7080"': f'"{variables["GRPS_HTTP"]}"',
        '"https://127.0.0.1:7443"': f'"https://{variables["GRPS_TLS_HTTP"]}"',
        '"KEY"': f'"{variables["GRPS_KEY"]}"',
        '"ca.pem"': f'"{variables["GRPS_CA"]}"',
    }
    texts = [
        block.text for page in PAGES for block in blocks(page) if block.language == "javascript"
    ]
    assert len(texts) > len(PAGES)
    for number, text in enumerate(texts):
        for old, new in replaced.items():
            text = text.replace(old, new)  # noqa: PLW2901
        # A package finds itself by its name only from its own folder.
        program = FOLDER / "build" / f"block-{number}.js"
        program.write_text(text, encoding="utf-8")
        ran = subprocess.run(
            ["node", str(program)],
            env=environment_of(variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, f"{text}\n{ran.stderr}"
        assert "console.log" not in text or ran.stdout
