"""Every client does what it is declared to do against a real service; the docs say the same."""

from __future__ import annotations

import pytest

from tests.clients.conftest import Measure
from tools.conformance.features import declared, differences, passed, read_features
from tools.conformance.languages import LANGUAGES
from tools.conformance.table import PAGE, with_table

pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("name", LANGUAGES)
def test_every_declared_feature_passes(name: str, results_of: Measure) -> None:
    wanted = declared(LANGUAGES[name], read_features())
    assert differences(wanted, results_of(name)) == []


def test_the_table_in_the_docs_is_what_was_measured(results_of: Measure) -> None:
    page = PAGE.read_text(encoding="utf-8")
    columns = {name: passed(results_of(name)) for name in LANGUAGES}
    assert with_table(page, columns) == page, "run: python -m tools.conformance.table --write"
