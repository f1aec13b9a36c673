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


def is_generated(path: Path) -> bool:
    """Tell whether a path relative to the repository is generated code."""
    return path.as_posix().startswith(GENERATED)
