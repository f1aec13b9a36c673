"""Where things live.

Everything that is not source (virtual environments, models, logs, results) is
kept under BENCH_HOME, which defaults to ``.bench`` in the current directory.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SERVERS = ROOT / "servers"
APPS = ROOT / "apps"

HOME = Path(os.environ.get("BENCH_HOME", ".bench")).resolve()
VENVS = HOME / "venvs"
MODELS = HOME / "models"
RESULTS = HOME / "results"
LOGS = HOME / "logs"
TMP = HOME / "tmp"
LOCK = HOME / "lock"


def ensure_dirs() -> None:
    """Create the BENCH_HOME folders."""
    for folder in (VENVS, MODELS, RESULTS, LOGS, TMP):
        folder.mkdir(parents=True, exist_ok=True)


def venv_python(venv: str | None) -> Path:
    """Return the interpreter of one virtual environment, or this one's for ``None``."""
    return VENVS / venv / "bin" / "python" if venv else Path(sys.executable)


def site_packages(venv: str) -> Path:
    """Return the site-packages folder of one virtual environment."""
    found = sorted((VENVS / venv / "lib").glob("python3*/site-packages"))
    return found[0] if found else VENVS / venv / "lib"
