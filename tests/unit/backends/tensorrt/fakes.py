"""A GPU and an engine that record and check what is done with them.

The real ones need hardware. These hold the scheduler to their rules: what is queued on a stream
runs only when somebody waits for the stream, memory must live until then, and every resource is
given back once.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from grps.backends.tensorrt.seam import (
    EngineLayout,
    EngineTensor,
    PinnedMemory,
    Shape,
    ShapeRange,
)
from grps.errors import ModelError

FLOAT_BYTES = 4


class BrokenRule(AssertionError):
    """The scheduler did what real hardware would punish."""


class FakeGpu:
    """A device; see ``GpuDevice``. ``calls`` names what was asked of it, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.memory: dict[int, np.ndarray] = {}
        self.pinned: set[int] = set()
        self.streams: dict[int, list[Callable[[], None]]] = {}
        self.fail_at: int | None = None
        """The call, counted from 0, that fails."""
        self.dead = False
        """Whether every wait fails, as after a crash of a kernel."""
        self._next = 256

    def note(self, name: str) -> None:
        """Record a call, or fail it."""
        index = len(self.calls)
        self.calls.append(name)
        if index == self.fail_at:
            raise ModelError(f"{name} failed")

    def is_clean(self) -> bool:
        """Tell whether nothing is left."""
        return not self.memory and not self.pinned and not self.streams

    def select(self) -> None:
        self.note("select")

    def allocate(self, size: int) -> int:
        self.note("allocate")
        return self._reserve(size)

    def free(self, address: int) -> None:
        del self.memory[address]
        self.note("free")

    def pin(self, size: int) -> PinnedMemory:
        self.note("pin")
        address = self._reserve(size)
        self.pinned.add(address)
        return PinnedMemory(address, self.memory[address])

    def unpin(self, memory: PinnedMemory) -> None:
        self.pinned.remove(memory.address)
        del self.memory[memory.address]
        self.note("unpin")

    def copy_in(self, target: int, source: PinnedMemory, size: int, stream: int) -> None:
        self.note("copy_in")
        self.queue(stream, lambda: self._copy(target, source.address, size))

    def copy_out(self, target: PinnedMemory, source: int, size: int, stream: int) -> None:
        self.note("copy_out")
        self.queue(stream, lambda: self._copy(target.address, source, size))

    def create_stream(self) -> int:
        self.note("create_stream")
        self._next += 1
        self.streams[self._next] = []
        return self._next

    def destroy_stream(self, stream: int) -> None:
        del self.streams[stream]
        self.note("destroy_stream")

    def synchronize(self, stream: int) -> None:
        if self.dead:
            self.streams[stream].clear()
            raise ModelError("an illegal memory access was encountered")
        self.note("synchronize")
        queued = list(self.streams[stream])
        self.streams[stream].clear()
        for step in queued:
            step()

    def queue(self, stream: int, step: Callable[[], None]) -> None:
        """Let ``step`` happen when the stream is waited for."""
        self.streams[stream].append(step)

    def at(self, address: int) -> np.ndarray:
        """Return the memory at an address.

        Raises:
            BrokenRule: Nothing is there any more.
        """
        if address not in self.memory:
            raise BrokenRule(f"use of freed memory {address}")
        return self.memory[address]

    def _reserve(self, size: int) -> int:
        if size < 1:
            raise BrokenRule(f"an allocation of {size} bytes")
        self._next += 256
        # Fresh memory holds anything but what one hopes for.
        self.memory[self._next] = np.full(size, 0xCD, np.uint8)
        return self._next

    def _copy(self, target: int, source: int, size: int) -> None:
        self.at(target)[:size] = self.at(source)[:size]


def tensor(
    name: str,
    shape: tuple[int | None, ...],
    *ranges: tuple[Shape, Shape, Shape],
    kind: str = "FLOAT",
    on_host: bool = False,
) -> EngineTensor:
    """Describe a tensor; each range is least, best, most."""
    return EngineTensor(name, kind, shape, on_host, tuple(ShapeRange(*r) for r in ranges))


ROWS = EngineLayout(
    inputs=(
        tensor("x", (None, 3), ((0, 3), (2, 3), (4, 3)), ((4, 3), (64, 3), (128, 3))),
        tensor("n", (2,), ((2,), (2,), (2,)), ((2,), (2,), (2,)), kind="INT32", on_host=True),
    ),
    outputs=(tensor("y", (None, 3)), tensor("rest", (None,))),
)
"""``y`` is twice ``x``; ``rest`` holds as many numbers as ``x`` has positive ones."""


class FakeExecution:
    """A context of an engine with the layout ``ROWS``; see ``Execution``."""

    def __init__(self, gpu: FakeGpu) -> None:
        self.gpu = gpu
        self.profile = 0
        self.closed = False
        self.shapes: dict[str, Shape] = {}
        self.addresses: dict[str, int] = {}

    def use_profile(self, index: int, stream: int) -> None:
        self.gpu.note(f"use_profile {index}")
        self.profile = index
        self.shapes.clear()

    def set_shape(self, name: str, shape: Shape) -> None:
        self.gpu.note(f"set_shape {name}")
        allowed = {t.name: t for t in ROWS.inputs}[name].ranges[self.profile]
        dims = zip(allowed.least, shape, allowed.most, strict=True)
        if not all(least <= dim <= most for least, dim, most in dims):
            raise BrokenRule(f"profile {self.profile} has no shape {shape} for {name}")
        self.shapes[name] = shape

    def set_input(self, name: str, address: int) -> None:
        self.gpu.note(f"set_input {name}")
        self._expect_place(address, on_host=name == "n")
        self.addresses[name] = address

    def output_bytes(self) -> dict[str, int]:
        self.gpu.note("output_bytes")
        size = math.prod(self.shapes["x"]) * FLOAT_BYTES
        return {"y": size, "rest": size}

    def set_output(self, name: str, address: int, size: int) -> None:
        self.gpu.note(f"set_output {name}")
        self._expect_place(address, on_host=False)
        if size < self.output_bytes_now():
            raise BrokenRule(f"too little room for {name}")
        self.addresses[name] = address

    def output_bytes_now(self) -> int:
        return math.prod(self.shapes["x"]) * FLOAT_BYTES

    def enqueue(self, stream: int) -> dict[str, Shape]:
        self.gpu.note("enqueue")
        shape, size = self.shapes["x"], self.output_bytes_now()
        addresses = dict(self.addresses)

        def compute() -> None:
            if self.closed:
                raise BrokenRule("a run of a closed context")
            x = self.gpu.at(addresses["x"])[:size].view(np.float32)
            assert self.gpu.at(addresses["n"])[:8].view(np.int32).tolist() == [7, 8]
            self.gpu.at(addresses["y"])[:size].view(np.float32)[:] = 2 * x
            rest = x[x > 0]
            self.gpu.at(addresses["rest"])[: rest.nbytes].view(np.float32)[:] = rest

        self.gpu.queue(stream, compute)
        return {"y": shape, "rest": (shape[0],)}

    def close(self) -> None:
        self.gpu.note("close")
        self.closed = True

    def _expect_place(self, address: int, *, on_host: bool) -> None:
        self.gpu.at(address)
        if (address in self.gpu.pinned) != on_host:
            raise BrokenRule("a tensor on the wrong side")
