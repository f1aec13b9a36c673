"""Check that files, and functions and folders of Python, stay small; clippy checks Rust."""

from __future__ import annotations

import ast
import statistics
import sys
from collections import Counter
from pathlib import Path

from tools.repository import ROOT, is_generated, source_files

CODE = {
    ".py",
    ".pyi",
    ".rs",
    ".cc",
    ".cpp",
    ".h",
    ".hpp",
    ".java",
    ".js",
    ".css",
    ".html",
    ".proto",
    ".sh",
}
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
MAX_FOLDER_FILES = 16
"""Python files of one folder; more need rooms."""
GOOD_MEDIAN = 200
GOOD_NINETIETH = 400


def function_lengths(source: str) -> list[tuple[str, int, int]]:
    """List every function of a Python source as name, first line and number of lines.

    The docstring is not counted: what a function promises may take the room it needs.
    """
    lengths = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0]
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                lines -= (first.end_lineno or first.lineno) - first.lineno + 1
            lengths.append((node.name, node.lineno, lines))
    return lengths


def find_large(root: Path, paths: list[Path]) -> tuple[list[str], list[int]]:
    """Return one line for each file or function over its limit, and all files' line counts."""
    problems = []
    counts = []
    for path in paths:
        source = (root / path).read_text(encoding="utf-8")
        counts.append(source.count("\n"))
        if counts[-1] > MAX_FILE_LINES:
            problems.append(f"{path}: {counts[-1]} lines, at most {MAX_FILE_LINES}")
        if path.suffix == ".py":
            problems += [
                f"{path}:{line}: function {name} has {length} lines, at most {MAX_FUNCTION_LINES}"
                for name, line, length in function_lengths(source)
                if length > MAX_FUNCTION_LINES
            ]
    return problems, counts


def find_full_folders(paths: list[Path]) -> list[str]:
    """Return one line for each folder with too many Python files."""
    counts = Counter(path.parent for path in paths if path.suffix == ".py")
    return [
        f"{folder}: {count} Python files, at most {MAX_FOLDER_FILES}"
        for folder, count in sorted(counts.items())
        if count > MAX_FOLDER_FILES
    ]


def main() -> int:
    """Check the whole tree and print a summary."""
    paths = [path for path in source_files() if path.suffix in CODE and not is_generated(path)]
    problems, counts = find_large(ROOT, paths)
    problems += find_full_folders(paths)
    for problem in problems:
        print(problem)
    median = statistics.median(counts)
    ninetieth = statistics.quantiles(counts, n=10)[-1]
    print(f"{len(counts)} code files: median {median:.0f} lines, 90 % up to {ninetieth:.0f}")
    if median > GOOD_MEDIAN or ninetieth > GOOD_NINETIETH:
        print(f"warning: good is a median up to {GOOD_MEDIAN} and 90 % up to {GOOD_NINETIETH}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
