"""What the stream scheduler needs of CUDA and TensorRT, and nothing else of them.

``tensorrt_cuda`` and ``tensorrt_engine`` implement it with the libraries; the scheduler itself
(``tensorrt_slot``, ``tensorrt_pool``) imports neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ShapeRange:
    """The shapes of one input that one optimisation profile allows."""

    least: Shape
    best: Shape
    most: Shape


@dataclass(frozen=True, slots=True)
class EngineTensor:
    """An input or output of an engine."""

    name: str
    kind: str
    """TensorRT's name of its element type, such as ``HALF``."""
    shape: tuple[int | None, ...]
    """Dimensions, ``None`` for a dynamic one."""
    on_host: bool = False
    """Whether the engine reads or writes it in host memory, as it does where values are shapes."""
    ranges: tuple[ShapeRange, ...] = ()
    """One per optimisation profile; empty for an output."""


@dataclass(frozen=True, slots=True)
class EngineLayout:
    """Inputs and outputs of an engine, in its order."""

    inputs: tuple[EngineTensor, ...]
    outputs: tuple[EngineTensor, ...]


@dataclass(frozen=True, slots=True)
class PinnedMemory:
    """Host memory that the GPU copies from and to by itself."""

    address: int
    bytes: np.ndarray
    """The memory as uint8; no use of it may outlive ``unpin``."""


class GpuDevice(Protocol):
    """Memory and streams of one CUDA device. Any thread may call, after ``select``.

    Every method raises ``ModelError`` with CUDA's cause in one line.
    """

    def select(self) -> None:
        """Make this the device of the calling thread."""

    def allocate(self, size: int) -> int:
        """Return the address of ``size`` bytes on the device; the caller frees it."""

    def free(self, address: int) -> None:
        """Free what ``allocate`` returned."""

    def pin(self, size: int) -> PinnedMemory:
        """Return ``size`` bytes of pinned host memory; the caller unpins it."""

    def unpin(self, memory: PinnedMemory) -> None:
        """Free what ``pin`` returned."""

    def copy_in(self, target: int, source: PinnedMemory, size: int, stream: int) -> None:
        """Queue a copy of ``size`` bytes from host to device."""

    def copy_out(self, target: PinnedMemory, source: int, size: int, stream: int) -> None:
        """Queue a copy of ``size`` bytes from device to host."""

    def create_stream(self) -> int:
        """Return a stream that does not wait for the default one; the caller destroys it."""

    def destroy_stream(self, stream: int) -> None:
        """Destroy what ``create_stream`` returned."""

    def synchronize(self, stream: int) -> None:
        """Wait, without the GIL, until all that is queued on the stream has run."""


class Execution(Protocol):
    """One execution context of an engine. One thread at a time may call.

    Every method raises ``ModelError`` with TensorRT's cause in one line.
    """

    def use_profile(self, index: int, stream: int) -> None:
        """Switch to an optimisation profile; all shapes must be set again."""

    def set_shape(self, name: str, shape: Shape) -> None:
        """Set the shape of an input."""

    def set_input(self, name: str, address: int) -> None:
        """Say where an input is."""

    def output_bytes(self) -> dict[str, int]:
        """Return the most bytes each output can have, once all inputs are set."""

    def set_output(self, name: str, address: int, size: int) -> None:
        """Say where an output goes and how many bytes there are for it."""

    def enqueue(self, stream: int) -> dict[str, Shape]:
        """Queue a run; return the shapes of its outputs."""

    def close(self) -> None:
        """Free the context; nothing may be queued for it."""
