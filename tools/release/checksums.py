"""SHA256SUMS, in the format of ``sha256sum --check``."""

from __future__ import annotations

import hashlib
from pathlib import Path

FILE = "SHA256SUMS"


def write_checksums(folder: Path) -> Path:
    """Write the checksums of all files of a folder into it; return that file."""
    output = folder / FILE
    files = sorted(path for path in folder.iterdir() if path.is_file() and path != output)
    output.write_text("".join(f"{_digest(path)}  {path.name}\n" for path in files))
    return output


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
