"""Checks that all parts of the repository name one version, and that nothing is uncommitted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tools.release.plan import git
from tools.repository import ROOT

NUMBER = r"\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?"
JAVA = rf"<artifactId>grps-java</artifactId>\s+<version>({NUMBER})</version>"
IMAGE = rf"/grps:({NUMBER})-onnx"
PLACES = (
    ("Cargo.lock", rf'name = "grps-[\w-]+"\nversion = "({NUMBER})"'),
    ("clients/java/README.md", rf"<version>({NUMBER})</version>"),
    ("clients/java/**/pom.xml", JAVA),
    ("clients/js/README.md", rf"grps-client-({NUMBER})\.tgz"),
    ("clients/js/package-lock.json", rf'"name": "grps-client",\n +"version": "({NUMBER})"'),
    ("clients/js/package.json", rf'^  "version": "({NUMBER})"'),
    ("deploy/helm/grps/Chart.yaml", rf"^(?:version|appVersion): ({NUMBER})$"),
    ("deploy/kserve/servingruntime.yaml", IMAGE),
    ("deploy/ray/raycluster.yaml", IMAGE),
)
"""Files, and how they name the version. The client in C++ and the wheels read ``Cargo.toml``."""
OTHER_COORDINATES = Path("clients/java/grps-api/pom.xml")
"""The messages under the name and version that they had in GRPS 1.1."""
CHANGES = ("CHANGELOG.md",)
UNRELEASED = "## [Unreleased]"


def different_versions(version: str, root: Path = ROOT) -> Iterator[str]:
    """Yield one line for each place that names another version, or none.

    Args:
        version: The one that all must name.
        root: The repository.
    """
    for pattern, expression in PLACES:
        files = sorted(root.glob(pattern))
        if not files:
            yield f"{pattern}: no such file"
        for path in files:
            name = path.relative_to(root)
            if name == OTHER_COORDINATES:
                continue
            found = re.findall(expression, path.read_text(encoding="utf-8"), re.MULTILINE)
            if not found:
                yield f"{name}: names no version where one is expected"
            for other in sorted(set(found) - {version}):
                yield f"{name}: names version {other}, but Cargo.toml has {version}"


def missing_changes(version: str, *, released: bool, root: Path = ROOT) -> Iterator[str]:
    """Yield one line for each list of changes without a section of this version.

    Args:
        version: The version.
        released: Whether its section must have the date of a release.
        root: The repository.
    """
    heading = re.compile(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", re.MULTILINE)
    for name in CHANGES:
        text = (root / name).read_text(encoding="utf-8")
        if heading.search(text) or (not released and UNRELEASED in text):
            continue
        yield f"{name}: has no section '## [{version}] - YYYY-MM-DD'"


def uncommitted() -> list[str]:
    """Return the files that differ from the last commit, those that git ignores left out."""
    return git("status", "--porcelain").splitlines()
