"""Check the crates' edges against the allowed ones, and that unsafe code stays in its crates."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.repository import ROOT, source_files

ALLOWED = {
    "grps-build": set[str](),
    "grps-chat": set[str](),
    "grps-config": set[str](),
    "grps-core": set[str](),
    "grps-engine-api": set[str](),
    "grps-engines": {"grps-core", "grps-engine-api", "grps-plugin"},
    "grps-openai": {"grps-chat"},
    "grps-perf": set[str](),
    "grps-plugin": {"grps-core"},
    "grps-remote": {"grps-core", "grps-server"},
    "grps-server": {"grps-chat", "grps-core", "grps-openai"},
    "grps-text": {"grps-core"},
    "grps-worker": {"grps-core"},
    "grps-py": {
        "grps-build",
        "grps-core",
        "grps-engines",
        "grps-perf",
        "grps-plugin",
        "grps-remote",
        "grps-server",
        "grps-text",
        "grps-worker",
    },
    "grps-bin": {
        "grps-build",
        "grps-config",
        "grps-core",
        "grps-engines",
        "grps-plugin",
        "grps-remote",
        "grps-server",
        "grps-text",
        "grps-worker",
    },
}
"""Crates of this workspace each crate may depend on."""

NETWORK = {
    "axum",
    "h2",
    "http",
    "http-body",
    "http-body-util",
    "hyper",
    "hyper-util",
    "prost",
    "tonic",
}
PYTHON = {"numpy", "pyo3", "pyo3-async-runtimes"}
FORBIDDEN = {
    "grps-build": NETWORK | PYTHON,
    "grps-chat": NETWORK | PYTHON,
    "grps-config": NETWORK | PYTHON,
    "grps-core": NETWORK | PYTHON,
    "grps-engine-api": NETWORK | PYTHON,
    "grps-engines": NETWORK | PYTHON,
    "grps-openai": NETWORK | PYTHON,
    "grps-perf": PYTHON,
    "grps-plugin": NETWORK | PYTHON,
    "grps-remote": PYTHON,
    "grps-server": PYTHON,
    "grps-text": NETWORK | PYTHON,
    "grps-worker": NETWORK | PYTHON,
    "grps-bin": PYTHON,
}
"""Crates from elsewhere each crate must not depend on."""

UNSAFE_CRATES = ("grps-plugin", "grps-engine-api")
UNSAFE = re.compile(r"^[^/\"]*\bunsafe\b(?!_code)")


def find_edges(dependencies: Mapping[str, set[str]]) -> list[str]:
    """Return one line per edge that is not allowed, from each crate's direct dependencies."""
    problems = []
    for crate, targets in dependencies.items():
        if crate not in ALLOWED:
            problems.append(f"{crate}: not a known crate; add it to tools/checks/crates.py")
            continue
        ours = {target for target in targets if target in dependencies}
        problems += [f"{crate} must not depend on {t}" for t in sorted(ours - ALLOWED[crate])]
        theirs = targets & FORBIDDEN.get(crate, set())
        problems += [f"{crate} must not depend on {target}" for target in sorted(theirs)]
    return problems


def find_unsafe(path: Path, source: str) -> list[str]:
    """Return one line per use of ``unsafe`` outside the crates that may use it."""
    if path.parts[0] == "crates" and path.parts[1] in UNSAFE_CRATES:
        return []
    return [
        f"{path}:{number}: unsafe code belongs into {' or '.join(UNSAFE_CRATES)}"
        for number, line in enumerate(source.splitlines(), start=1)
        if UNSAFE.search(line)
    ]


def read_dependencies() -> dict[str, set[str]]:
    """Direct dependencies of every crate of the workspace, those for tests left out."""
    command = ["cargo", "metadata", "--format-version", "1", "--no-deps"]
    answer = subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return {
        package["name"]: {d["name"] for d in package["dependencies"] if d["kind"] != "dev"}
        for package in json.loads(answer.stdout)["packages"]
    }


def main() -> int:
    """Check the workspace."""
    problems = find_edges(read_dependencies())
    for path in source_files():
        if path.suffix == ".rs" and path.parts[0] == "crates":
            problems += find_unsafe(path, (ROOT / path).read_text(encoding="utf-8"))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
