"""Files that verbs write at their end."""

from __future__ import annotations

import os
from pathlib import Path

import click


def check_writable(*files: Path | None) -> None:
    """Check that files can be written, before work that takes long; ``None`` is left out.

    Raises:
        UsageError: One can't.
    """
    for file in files:
        if file is None:
            continue
        folder = file.absolute().parent
        if not folder.is_dir():
            raise click.UsageError(f"{file} can't be written: {folder} is no folder")
        if not os.access(file if file.exists() else folder, os.W_OK):
            raise click.UsageError(f"{file} can't be written: no permission")
