"""Virtual environments of tools whose packages the tests must not get."""

from __future__ import annotations

import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

from tools.repository import ROOT


def python_with(folder: str, packages: Sequence[str]) -> Path:
    """Return the Python of an environment with these packages, which is made if it is absent.

    Args:
        folder: Its directory in the repository, which git ignores.
        packages: The packages, with their versions.
    """
    root = ROOT / folder
    python, installed = root / "bin" / "python", root / "installed"
    wanted = "\n".join(packages)
    # The file is written last: an installation that was interrupted begins again.
    if not installed.exists() or installed.read_text() != wanted:
        venv.create(root, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        installed.write_text(wanted)
    return python
