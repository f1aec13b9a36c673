"""The service that clients are tested with, and what their conformance programs found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tools.conformance.languages import LANGUAGES, Language, build, measure
from tools.conformance.results import Result
from tools.conformance.service import ConformanceService, conformance_service

Measure = Callable[[str], list[Result]]
Build = Callable[[str], Language]


@pytest.fixture(scope="session")
def service() -> Iterator[ConformanceService]:
    """Both instances of the service."""
    with conformance_service() as running:
        yield running


@pytest.fixture(scope="session")
def built(service: ConformanceService) -> Build:
    """A language's client, built when it is first asked for."""
    known: set[str] = set()

    def client(name: str) -> Language:
        if name not in known:
            build(LANGUAGES[name], service.variables())
            known.add(name)
        return LANGUAGES[name]

    return client


@pytest.fixture(scope="session")
def results_of(
    service: ConformanceService, built: Build, tmp_path_factory: pytest.TempPathFactory
) -> Measure:
    """What the program of a language wrote; each runs once, when it is first asked for."""
    known: dict[str, list[Result]] = {}

    def results(name: str) -> list[Result]:
        if name not in known:
            file = tmp_path_factory.mktemp(name) / "results.jsonl"
            known[name] = measure(built(name), service.variables(file))
        return known[name]

    return results
