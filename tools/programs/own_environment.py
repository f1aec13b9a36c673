"""Virtual environments of tools whose packages the tests must not get."""

from __future__ import annotations

import subprocess
import venv
from collections.abc import Sequence
from pathlib import Path

from tools.repository import ROOT


def python_with(
    folder: str | Path,
    packages: Sequence[str],
    alone: Sequence[str] = (),
    unwanted: Sequence[str] = (),
) -> Path:
    """Return the Python of an environment with these packages, which is made if it is absent.

    Args:
        folder: Its directory: an absolute one, or one in the repository, which git ignores.
        packages: The packages, with their versions.
        alone: Packages that are installed without what they need.
        unwanted: What the packages bring along and must not be there.
    """
    root = ROOT / folder
    python, installed = root / "bin" / "python", root / "installed"
    wanted = "\n".join([*packages, *alone, *(f"without {name}" for name in unwanted)])
    # The file is written last: an installation that was interrupted begins again.
    if not installed.exists() or installed.read_text() != wanted:
        venv.create(root, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "--quiet"]
        subprocess.run([*pip, "install", *packages], check=True)
        if alone:
            subprocess.run([*pip, "install", "--no-deps", *alone], check=True)
        if unwanted:
            subprocess.run([*pip, "uninstall", "--yes", *unwanted], check=True)
        installed.write_text(wanted)
    return python
