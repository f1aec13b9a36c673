"""Run schemathesis on the description of a running service: ``python -m tools.openapi URL``.

It installs schemathesis into a virtual environment of its own, since that needs other versions of
some packages than the tests. ``--key KEY`` sends a key. The calls change what admin calls change:
run it on a service that nobody uses.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tools.programs.own_environment import python_with
from tools.repository import ROOT

FOLDER = ".schemathesis"
PACKAGES = ("schemathesis==4.32.5",)
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def main() -> int:
    """Check a service; the exit code is that of schemathesis."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="such as http://127.0.0.1:7080")
    parser.add_argument("--key", help="a key with all scopes")
    parser.add_argument("--phases", default="examples,coverage", help="comma-separated")
    arguments, rest = parser.parse_known_args()
    program = python_with(FOLDER, PACKAGES).with_name("schemathesis")
    command = [
        *(str(program), "--config-file", str(CONFIGURATION), "run"),
        f"{arguments.url.rstrip('/')}/openapi.json",
        *("--phases", arguments.phases, "--continue-on-failure", *rest),
    ]
    if arguments.key:
        command += ["--header", f"Authorization: Bearer {arguments.key}"]
    return subprocess.run(command, cwd=ROOT / FOLDER, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
