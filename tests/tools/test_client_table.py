from __future__ import annotations

from tools.conformance.features import Feature, declared, differences, passed, table
from tools.conformance.languages import LANGUAGES, Language
from tools.conformance.results import Result
from tools.conformance.table import BEGIN, END, PAGE, with_table

FEATURES = [
    Feature("text", "sends a text", ("http", "grpc")),
    Feature("ndarray", "sends lists", ("http",)),
]
GO = Language("go", "Go", "clients/go", ("go",), ("http", "grpc"), without={"text": ("grpc",)})
TEXT, LISTS = Result("text", "http", True, ""), Result("ndarray", "http", True, "")


def test_what_a_language_lacks_is_not_declared() -> None:
    assert declared(GO, FEATURES) == {("text", "http"), ("ndarray", "http")}


def test_a_check_that_failed_once_has_not_passed() -> None:
    again = Result("text", "http", False, "too slow")
    assert passed([TEXT, again, LISTS]) == {("ndarray", "http")}


def test_what_failed_is_missing_or_is_not_declared_is_named() -> None:
    results = [Result("text", "http", False, "no answer"), Result("text", "brpc", True, "")]
    assert differences(declared(GO, FEATURES), results) == [
        "ndarray over http is missing",
        "text over brpc is not declared",
        "text over http failed: no answer",
    ]
    assert differences(declared(GO, FEATURES), [TEXT, LISTS]) == []


def test_the_table_has_a_row_per_feature_and_a_column_per_language() -> None:
    assert table(FEATURES, {"Go": {("text", "http"), ("text", "grpc")}}) == (
        "| feature | a client… | Go |\n"
        "|---|---|---|\n"
        "| `text` | sends a text | http, grpc |\n"
        "| `ndarray` | sends lists | no |\n"
    )


def test_only_the_table_of_the_page_changes() -> None:
    columns: dict[str, set[tuple[str, str]]] = {name: set() for name in LANGUAGES}
    page = with_table(f"before\n{BEGIN}old\n{END}after\n", columns)
    assert page.startswith(f"before\n{BEGIN}")
    assert page.endswith(f"{END}after\n")
    assert "old" not in page
    assert with_table(page, columns) == page


def test_the_page_has_a_row_for_each_language() -> None:
    rows = PAGE.read_text(encoding="utf-8").split("\n## ")[0].replace("[", "")
    assert [one.title for one in LANGUAGES.values() if f"\n| {one.title}" not in rows] == []
