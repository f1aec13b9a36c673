"""The features that clients are tested for, and what a run says about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import yaml

from tools.conformance.languages import Language
from tools.conformance.results import Result
from tools.repository import ROOT

FEATURES_FILE = ROOT / "clients" / "conformance" / "features.yml"

Cell = tuple[str, str]
"""A feature and a protocol."""


@dataclass(frozen=True, slots=True)
class Feature:
    """What a client can do."""

    id: str
    meaning: str
    protocols: tuple[str, ...]
    """The protocols that may have it."""


def read_features() -> list[Feature]:
    """Read the features from their file."""
    read = yaml.safe_load(FEATURES_FILE.read_text(encoding="utf-8"))
    return [
        Feature(entry["id"], entry["meaning"], tuple(entry["protocols"]))
        for entry in read["features"]
    ]


def declared(language: Language, features: Iterable[Feature]) -> set[Cell]:
    """Return what a language's client is to have."""
    return {
        (feature.id, protocol)
        for feature in features
        for protocol in feature.protocols
        if protocol in language.protocols and protocol not in language.without.get(feature.id, ())
    }


def passed(results: Iterable[Result]) -> set[Cell]:
    """Return what was checked at least once and never failed."""
    results = list(results)
    failed = {(result.feature, result.protocol) for result in results if not result.passed}
    return {(result.feature, result.protocol) for result in results} - failed


def differences(wanted: set[Cell], results: Iterable[Result]) -> list[str]:
    """Return a line for each check that failed, is missing, or is not declared."""
    results = list(results)
    made = {(result.feature, result.protocol) for result in results}
    failed = [
        f"{result.feature} over {result.protocol} failed: {result.why}"
        for result in results
        if not result.passed
    ]
    missing = [f"{feature} over {protocol} is missing" for feature, protocol in wanted - made]
    extra = [f"{feature} over {protocol} is not declared" for feature, protocol in made - wanted]
    return sorted([*failed, *missing, *extra])


def table(features: Iterable[Feature], columns: Mapping[str, set[Cell]]) -> str:
    """Return the table of the docs in Markdown: a row per feature, a column per language.

    Args:
        features: The rows.
        columns: What passed in each language, by its title.
    """
    lines = [
        f"| feature | a client… | {' | '.join(columns)} |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for feature in features:
        cells = [_cell(feature, cells) for cells in columns.values()]
        lines.append(f"| `{feature.id}` | {feature.meaning} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(feature: Feature, cells: set[Cell]) -> str:
    over = [protocol for protocol in feature.protocols if (feature.id, protocol) in cells]
    return ", ".join(over) or "no"
