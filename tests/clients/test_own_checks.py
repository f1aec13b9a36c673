"""Clients pass the tests and the linters of their own language."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.conftest import Build
from tools.conformance.languages import LANGUAGES, run_tests
from tools.conformance.service import ConformanceService


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [name for name, one in LANGUAGES.items() if one.tests])
def test_they_pass(name: str, service: ConformanceService, built: Build, tmp_path: Path) -> None:
    run_tests(built(name), service.variables(tmp_path / "results.jsonl"))
