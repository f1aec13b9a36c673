"""TensorFlow as a whole process uses it: its log, devices, threads and custom operators.

The other modules of this engine import ``tf`` from here, so that its log is set before it loads.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec

from grps.backends.common.arguments import library_paths
from grps.backends.common.device import Device, choose_device
from grps.backends.environment import prepare_environment
from grps.backends.tensorflow.causes import tensorflow_cause
from grps.errors import ModelError

prepare_environment()

import tensorflow as tf  # noqa: E402 - reads its level of logging when it loads

__all__ = [
    "TensorflowArguments",
    "choose",
    "load_libraries",
    "place_of",
    "quiet",
    "set_threads",
    "tf",
]


class TensorflowArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of a TensorFlow model; threads are settings of the whole process."""

    signature: str | None = None
    """Which signature is served; ``serving_default``, or else the only one, when absent."""
    tags: str | tuple[str, ...] | None = None
    """Tags of the graph to load; ``serve``, or else those of the only graph, when absent."""
    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Threads that share one operator; a share of the usable CPUs when absent."""
    inter_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Threads that run independent operators side by side."""
    customized_op_paths: str | tuple[str, ...] | None = None
    """Libraries of custom operators."""
    native: bool = False
    """Run in native threads that need no Python; on the CPU, without converters."""


def choose(device: Device) -> Device:
    """Settle where a model goes, and let GPU memory grow instead of taking it all.

    Raises:
        DeviceError: The device is absent.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if tf.test.is_built_with_cuda():
        why = "TensorFlow finds no CUDA device on this machine"
    else:
        why = "this build of TensorFlow has no CUDA"
    chosen = choose_device(device, len(gpus), why)
    for gpu in gpus:
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except (RuntimeError, ValueError):
            # It runs already, or has a limit of its own.
            continue
    return chosen


def place_of(device: Device) -> str | None:
    """Return a device as TensorFlow names it; ``None`` leaves the choice to the model."""
    if device.kind == "cuda":
        return f"/GPU:{device.index}"
    return "/CPU:0" if device.kind == "cpu" else None


def set_threads(arguments: TensorflowArguments) -> None:
    """Set the threads of the process.

    Raises:
        ModelError: TensorFlow runs already, with another number of threads.
    """
    threading = tf.config.threading
    settings = (
        ("intra_op_threads", arguments.intra_op_threads, "intra_op_parallelism_threads"),
        ("inter_op_threads", arguments.inter_op_threads, "inter_op_parallelism_threads"),
    )
    for key, wanted, name in settings:
        if wanted is None:
            continue
        try:
            getattr(threading, f"set_{name}")(wanted)
        except RuntimeError as error:
            number = getattr(threading, f"get_{name}")() or "its own choice"
            raise ModelError(
                f"inferer_args: {key} is {number} already and TensorFlow can't change it once it "
                "has run; give all models the same value"
            ) from error


def load_libraries(arguments: TensorflowArguments) -> list[Path]:
    """Load the libraries of custom operators and return them.

    Raises:
        ModelError: A library is missing or none.
    """
    libraries = library_paths(arguments.customized_op_paths)
    for library in libraries:
        try:
            tf.load_op_library(str(library.absolute()))
        except Exception as error:
            raise ModelError(f"library of custom operators: {tensorflow_cause(error)}") from error
    return libraries


@contextmanager
def quiet() -> Iterator[None]:
    """Keep TensorFlow from advising the user of functions that only this code calls."""
    log = tf.get_logger()
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
