"""Helm's engine, which renders and checks the chart in ``deploy/helm`` in tests.

``python -m tools.programs.helm`` builds it; that is quick when it is there. It is half of what the
program ``helm`` is built of, and renders many values in one process.
"""

from __future__ import annotations

from pathlib import Path

from tools.programs.golang import built
from tools.repository import ROOT

SOURCE = ROOT / "tests" / "kubernetes" / "helm"


def renderer() -> Path:
    """Return the program, built if need be."""
    return built("helm", SOURCE, ".")


if __name__ == "__main__":
    print(renderer())
