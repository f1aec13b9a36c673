"""The service that clients are tested with, and what their conformance programs found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tools.conformance.languages import LANGUAGES, measure
from tools.conformance.results import Result
from tools.conformance.service import ConformanceService, conformance_service

Measure = Callable[[str], list[Result]]


@pytest.fixture(scope="session")
def service() -> Iterator[ConformanceService]:
    """Both instances of the service."""
    with conformance_service() as running:
        yield running


@pytest.fixture(scope="session")
def results_of(
    service: ConformanceService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Measure]:
    """What the program of a language wrote; each runs once, when it is first asked for."""
    known: dict[str, list[Result]] = {}

    def results(name: str) -> list[Result]:
        if name not in known:
            file = tmp_path_factory.mktemp(name) / "results.jsonl"
            known[name] = measure(LANGUAGES[name], service.variables(file))
        return known[name]

    yield results
