"""Build the site of the documentation in ``.site/`` and check it; with ``--serve``, show it."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from tools.repository import ROOT

# A page of mkdocs-material about its successor, at each build.
QUIET = {"NO_MKDOCS_2_WARNING": "1"}


def main() -> int:
    """Run mkdocs; a warning, such as a link that leads nowhere, fails the build."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="serve it, and again at each change")
    command = ["serve"] if parser.parse_args().serve else ["build", "--strict"]
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", *command],
        check=False,
        cwd=ROOT,
        env={**os.environ, **QUIET},
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
