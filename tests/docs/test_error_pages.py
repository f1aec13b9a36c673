"""The pages that errors name exist, with their headings, in both languages."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import grps
from grps.cli.group import all_verbs, docs_of_verb
from grps.errors import GrpsError, docs_place
from tests.docs.pages import DOCS
from tools.docs_site.translations import anchors

MODULES = ("grps.client.errors", "grps.perf.errors", "grps.profile.errors", "grps.tune.errors")


def kinds(kind: type[GrpsError] = GrpsError) -> Iterator[type[GrpsError]]:
    """All kinds of errors that are imported."""
    yield kind
    for below in kind.__subclasses__():
        yield from kinds(below)


def check(docs: str) -> None:
    page, _, heading = docs.partition("#")
    assert (DOCS / page).is_file(), docs
    assert not heading or heading in anchors(DOCS / page), docs


def test_every_kind_of_error() -> None:
    for name in MODULES:
        importlib.import_module(name)
    found = {kind.docs for kind in kinds()}
    assert len(found) > len(MODULES)
    for docs in found:
        check(docs)


def test_kinds_of_errors_are_in_modules_that_are_looked_at() -> None:
    """A page is named where a kind of errors that has none from its base is declared."""
    names = {module.name for module in pkgutil.walk_packages(grps.__path__, "grps.")}
    errors = {name for name in names if name.endswith(".errors")}
    assert errors - {*MODULES} == {"grps.errors"}


@pytest.mark.parametrize("verb", [None, *all_verbs()])
def test_every_verb(verb: str | None) -> None:
    check(docs_of_verb(verb))


def test_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    assert docs_place("reference/errors.md#x") == "docs/reference/errors.md#x"
    monkeypatch.setenv("GRPS_DOCS_URL", "https://example.com/grps")
    assert docs_place("reference/errors.md#x") == "https://example.com/grps/reference/errors/#x"
    assert docs_place("reference/cli.md") == "https://example.com/grps/reference/cli/"
