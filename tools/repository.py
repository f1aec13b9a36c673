"""Where things are in this repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The repository's top folder."""

GENERATED = ("grps/protocol/pb/",)
"""Folders of committed generated code; no style check reads them."""


def source_files(root: Path = ROOT) -> list[Path]:
    """List the files git tracks or would track, as existing paths relative to ``root``."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=root, check=True, capture_output=True)
    names = listing.stdout.decode().split("\0")
    paths = (Path(name) for name in sorted(set(names)) if name)
    return [path for path in paths if (root / path).is_file()]


def with_generated_part(page: str, mark: str, generated: str) -> str:
    """Return a page with what stands behind the line ``mark`` made anew.

    Raises:
        ValueError: The mark is not in it once.
    """
    if page.count(mark) != 1:
        raise ValueError(f"the page must have this line once: {mark}")
    return f"{page[: page.index(mark)]}{mark}\n{generated}"


def write_or_compare(file: Path, fresh: str, *, only_compare: bool) -> int:
    """Write a generated file, or say that the committed one is stale; return the exit status."""
    name = file.relative_to(ROOT)
    if not only_compare:
        file.write_text(fresh, encoding="utf-8")
        print(f"generated {name}")
        return 0
    is_stale = file.read_text(encoding="utf-8") != fresh
    if is_stale:
        print(f"{name} is stale; run: make generate")
    return int(is_stale)


def is_generated(path: Path) -> bool:
    """Tell whether a path relative to the repository is generated code."""
    return path.as_posix().startswith(GENERATED)
