"""TensorRT engines: one loaded engine, run by several streams at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.arguments import library_paths, read_arguments
from grps.backends.common.device import parse_device
from grps.backends.formats import expect_format
from grps.backends.tensorrt.cuda import find_device
from grps.backends.tensorrt.engine import load_engine
from grps.backends.tensorrt.pool import StreamPool
from grps.backends.tensorrt.seam import EngineLayout, EngineTensor
from grps.backends.tensorrt.slot import Slot
from grps.backends.tensorrt.types import element_type
from grps.config.schema import ModelConfig


class TensorrtArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of a TensorRT engine."""

    streams: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """Runs of the engine that may be in progress at once."""
    customized_op_paths: str | tuple[str, ...] | None = None
    """Libraries of plugins."""
    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """No effect: engines run on the GPU. Here because every backend has it."""
    native: bool = False
    """Run in native threads that need no Python; one stream, without converters."""


class TensorrtBackend:
    """A way into one engine. Several share its pool of streams."""

    def __init__(self, pool: StreamPool, device: str | None = None) -> None:
        """Run in ``pool``, whose streams are on ``device``.

        Raises:
            ModelError: An input or output has a type that the wire can't carry.
        """
        self._pool = pool
        self._signature = dataclasses.replace(describe_layout(pool.layout), device=device)

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, in the order ``infer`` takes them."""
        return self._signature

    @property
    def streams(self) -> int:
        """Runs that may be in progress at once."""
        return self._pool.size

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the engine once; see ``Backend.infer``. Any number of threads may call."""
        return self._pool.run(inputs)

    def close(self) -> None:
        """Free the streams and their memory, for all that share them."""
        self._pool.close()


def load(model: ModelConfig) -> TensorrtBackend:
    """Load one copy of ``model``; threads that run it at once share its streams.

    Raises:
        MissingExtraError: ``cuda-bindings`` is not installed.
        DeviceError: The device is unknown, absent or the CPU.
        ModelError: The file is no engine for this TensorRT and this GPU.
    """
    arguments = read_arguments(TensorrtArguments, model.inferer_args)
    place = parse_device(model.device, model.inp_device)
    path = Path(model.inferer_path or "")
    expect_format(path, "tensorrt")
    libraries = library_paths(arguments.customized_op_paths)
    device = find_device(place)
    device.select()
    engine = load_engine(path, libraries)
    describe_layout(engine.layout)  # refuses types before anything is allocated
    pool = StreamPool.open(
        engine.layout,
        arguments.streams,
        lambda: Slot(device, engine.layout, engine.create_execution()),
    )
    return TensorrtBackend(pool, f"cuda:{device.index}")


def load_all(model: ModelConfig) -> list[TensorrtBackend]:
    """Load one copy of ``model`` and return one backend per stream of it.

    Raises:
        GrpsError: As ``load``.
    """
    first = load(model)
    return [first] * first.streams


def describe_layout(layout: EngineLayout) -> Signature:
    """Return the signature of an engine.

    Raises:
        ModelError: An input or output has a type that the wire can't carry.
    """
    return Signature(
        inputs=tuple(_spec("input", tensor) for tensor in layout.inputs),
        outputs=tuple(_spec("output", tensor) for tensor in layout.outputs),
        strict_names=True,
    )


def _spec(what: str, tensor: EngineTensor) -> TensorSpec:
    element = element_type(f"{what} {tensor.name}", tensor.kind)
    example = tensor.ranges[0].best if tensor.ranges else None
    return TensorSpec(tensor.name, element.wire, tensor.shape, example=example)
