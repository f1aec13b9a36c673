"""What conformance programs wrote: one line of JSON for each check."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one check."""

    feature: str
    protocol: str
    passed: bool
    why: str
    """Why it failed; empty if it passed."""


def read_results(path: Path) -> list[Result]:
    """Read all lines of a file; nothing if there is none."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [_result(json.loads(line)) for line in lines if line]


def _result(line: dict[str, object]) -> Result:
    return Result(
        feature=str(line["feature"]),
        protocol=str(line["protocol"]),
        passed=line["passed"] is True,
        why=str(line.get("why", "")),
    )
