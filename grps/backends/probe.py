"""What an engine of this machine is and which devices it can use.

``python -m grps.backends.probe ENGINE [--gpu]`` prints it as JSON: each engine in a process of its
own, as loading one may take long, write to standard error, or crash.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import asdict

import msgspec

from grps.backends.common.probe import Probe
from grps.backends.environment import prepare_environment
from grps.backends.table import ENGINES


def probe(inferer_type: str, has_gpu: bool) -> Probe:
    """Import an engine's framework and return what it reports.

    An engine without a module ``probe`` reports its version and runs on the CPU.

    Args:
        inferer_type: The engine.
        has_gpu: Whether the machine has a GPU with its driver.
    """
    engine = ENGINES[inferer_type]
    if importlib.util.find_spec(engine.module("probe")) is not None:
        found: Probe = importlib.import_module(engine.module("probe")).probe(has_gpu)
        return found
    framework = importlib.import_module(engine.package)
    return Probe(str(getattr(framework, "__version__", "unknown version")), ("cpu",))


def main() -> int:
    """Print what the engine named on the command line reports."""
    prepare_environment()
    found = probe(sys.argv[1], "--gpu" in sys.argv)
    sys.stdout.write("\n" + msgspec.json.encode(asdict(found)).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
