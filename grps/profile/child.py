"""Times a model in a process of its own, for engines whose threads are settings of the process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from grps.backends.environment import prepare_environment
from grps.backends.loading import load_backend
from grps.config.schema import ModelConfig
from grps.profile.curves import Timing, time_runs
from grps.profile.errors import ProfileError

_CHILD = f"from {__name__} import main; main()"
_TIMEOUT_S = 600


class _Order(msgspec.Struct):
    """What the process reads from standard input."""

    config: ModelConfig
    inputs: str
    timing: Timing


def time_in_process(
    config: ModelConfig, inputs: Sequence[np.ndarray[Any, Any]], timing: Timing
) -> list[float]:
    """Load a model in a process of its own and return the seconds of its timed runs there.

    Args:
        config: The model.
        inputs: What it runs on; no strings.
        timing: How often.

    Raises:
        ProfileError: The inputs are strings, or the process failed.
    """
    if any(array.dtype == object for array in inputs):
        raise ProfileError("inputs of strings are not passed to another process")
    with tempfile.TemporaryDirectory(prefix="grps-profile-") as folder:
        file = Path(folder) / "inputs.npz"
        np.savez(file, *inputs)
        order = msgspec.json.encode(_Order(config, str(file), timing))
        try:
            ran = subprocess.run(
                [sys.executable, "-c", _CHILD],
                input=order,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ProfileError(f"a process did not end within {_TIMEOUT_S} s") from None
    if ran.returncode:
        lines = ran.stderr.decode(errors="replace").strip().splitlines()
        raise ProfileError(f"a process ended: {lines[-1] if lines else 'no cause'}")
    # What an engine prints stands before it.
    return msgspec.json.decode(ran.stdout.splitlines()[-1], type=list[float])


def main() -> None:
    """Time the model that standard input describes; print the seconds of each run as JSON."""
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=_Order)
    prepare_environment()
    backend = load_backend(order.config)
    with np.load(order.inputs, allow_pickle=False) as loaded:
        inputs = [loaded[name] for name in loaded.files]
    durations = time_runs(lambda: backend.infer(inputs), order.timing)
    sys.stdout.write(f"\n{msgspec.json.encode(durations).decode()}\n")
