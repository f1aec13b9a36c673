"""Start the service that clients are tested with, and run a command against it.

``python -m tools.conformance COMMAND …`` runs the command with the variables that
``clients/conformance/README.md`` describes; without a command, it prints them and waits.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tools.conformance.results import read_results
from tools.conformance.service import RESULTS, conformance_service


def run(command: list[str], folder: Path, variables: Mapping[str, str]) -> int:
    """Run a command with the variables, show its results, and return its exit code."""
    environment = {**os.environ, **variables}
    code = subprocess.run(command, cwd=folder, env=environment, check=False).returncode
    results = read_results(Path(variables[RESULTS]))
    for result in results:
        if not result.passed:
            print(f"{result.feature} over {result.protocol}: {result.why}")
    passed = sum(result.passed for result in results)
    print(f"conformance: {passed} of {len(results)} checks passed; exit code {code}")
    return code


def main() -> int:
    """Run a command, or wait until the program is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tools.conformance", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the command runs")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND")
    arguments = parser.parse_args()
    # Without this, the instances would outlive a program that is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with conformance_service() as service:
        variables = service.variables()
        if arguments.command:
            return run(arguments.command, arguments.folder, variables)
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
