"""One stream with its execution context and buffers: what runs one request at a time.

A run is: shapes, copies in, the engine, copies out, one wait. Buffers grow to the largest request
and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np

from grps.backends.tensorrt.profiles import choose_profile
from grps.backends.tensorrt.seam import (
    EngineLayout,
    EngineTensor,
    Execution,
    GpuDevice,
    PinnedMemory,
    Shape,
)
from grps.backends.tensorrt.types import bytes_of, element_type, read, write
from grps.errors import GrpsError, ModelError


class Buffer:
    """Memory of one tensor: pinned on the host and, unless it stays there, on the device."""

    def __init__(self, device: GpuDevice, tensor: EngineTensor) -> None:
        """Allocate nothing yet."""
        self._device = device
        self._on_host = tensor.on_host
        self._host: PinnedMemory | None = None
        self._address: int | None = None

    def reserve(self, size: int) -> None:
        """Have room for ``size`` bytes; what was inside is lost when it grows.

        One byte at least, since TensorRT needs an address even for an empty tensor. After a
        failure it is empty and may be tried again.

        Raises:
            ModelError: There is not enough memory.
        """
        size = max(size, 1)
        if self.capacity >= size:
            return
        self.release()
        host = self._device.pin(size)
        try:
            address = None if self._on_host else self._device.allocate(size)
        except GrpsError:
            with suppress(GrpsError):
                self._device.unpin(host)
            raise
        self._host, self._address = host, address

    def release(self) -> None:
        """Free the memory; nothing queued may use it.

        Raises:
            ModelError: The device failed; all was tried, and nothing is kept.
        """
        host, self._host = self._host, None
        address, self._address = self._address, None
        frees: list[Callable[[], None]] = []
        if address is not None:
            frees.append(lambda: self._device.free(address))
        if host is not None:
            frees.append(lambda: self._device.unpin(host))
        run_all(frees)

    @property
    def capacity(self) -> int:
        """Bytes there is room for."""
        return self._host.bytes.size if self._host is not None else 0

    @property
    def host(self) -> PinnedMemory:
        """The memory on the host.

        Raises:
            ModelError: Nothing was reserved.
        """
        if self._host is None:
            raise ModelError("a buffer was used before it was reserved")
        return self._host

    @property
    def address(self) -> int:
        """Where the engine finds the tensor."""
        return self.host.address if self._address is None else self._address

    def send(self, size: int, stream: int) -> None:
        """Queue the copy from the host to where the engine reads."""
        if self._address is not None and size:
            self._device.copy_in(self._address, self.host, size, stream)

    def fetch(self, size: int, stream: int) -> None:
        """Queue the copy from where the engine wrote to the host."""
        if self._address is not None and size:
            self._device.copy_out(self.host, self._address, size, stream)


class Slot:
    """A stream, an execution context and their buffers."""

    def __init__(self, device: GpuDevice, layout: EngineLayout, execution: Execution) -> None:
        """Create the stream.

        Args:
            device: Where the engine is; the calling thread has selected it.
            layout: The engine's inputs and outputs.
            execution: A context of the engine; the slot closes it, also when this fails.

        Raises:
            ModelError: There is no stream to be had.
        """
        self.failure: str | None = None
        """Why the slot must not be used again; ``None`` while it may."""
        self._device = device
        self._layout = layout
        self._execution = execution
        self._profile = 0  # a new context's own
        tensors = (*layout.inputs, *layout.outputs)
        self._types = {tensor.name: element_type(tensor.name, tensor.kind) for tensor in tensors}
        self._buffers = {tensor.name: Buffer(device, tensor) for tensor in tensors}
        try:
            self._stream = device.create_stream()
        except GrpsError:
            execution.close()
            raise

    def run(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the engine once on one array per input, each of its wire type.

        Raises:
            InputError: No profile allows the shapes; nothing was started.
            ModelError: CUDA or TensorRT failed. When ``failure`` is set too, the stream can't be
                used any more.
        """
        profile = choose_profile(self._layout.inputs, [array.shape for array in inputs])
        self._device.select()
        try:
            self._send(profile, inputs)
            shapes = self._start()
            self._device.synchronize(self._stream)
        except BaseException:
            self._settle()
            raise
        return [
            (name, read(self._types[name], self._buffers[name].host.bytes, shapes[name]))
            for name in (tensor.name for tensor in self._layout.outputs)
        ]

    def close(self) -> None:
        """Wait for the stream and free everything.

        Raises:
            ModelError: The device failed; all was tried.
        """
        run_all(
            [
                self._device.select,
                lambda: self._device.synchronize(self._stream),
                self._execution.close,
                *(buffer.release for buffer in self._buffers.values()),
                lambda: self._device.destroy_stream(self._stream),
            ]
        )

    def _send(self, profile: int, inputs: Sequence[np.ndarray]) -> None:
        if profile != self._profile:
            # Half a switch leaves the context in neither profile.
            self._profile = -1
            self._execution.use_profile(profile, self._stream)
            self._profile = profile
        for tensor, array in zip(self._layout.inputs, inputs, strict=True):
            element, buffer = self._types[tensor.name], self._buffers[tensor.name]
            buffer.reserve(bytes_of(element, array.shape))
            size = write(element, array, buffer.host.bytes)
            buffer.send(size, self._stream)
            self._execution.set_shape(tensor.name, array.shape)
            self._execution.set_input(tensor.name, buffer.address)

    def _start(self) -> dict[str, Shape]:
        sizes = self._execution.output_bytes()
        for tensor in self._layout.outputs:
            buffer = self._buffers[tensor.name]
            buffer.reserve(sizes[tensor.name])
            self._execution.set_output(tensor.name, buffer.address, buffer.capacity)
        shapes = self._execution.enqueue(self._stream)
        for tensor in self._layout.outputs:
            size = bytes_of(self._types[tensor.name], shapes[tensor.name])
            self._buffers[tensor.name].fetch(size, self._stream)
        return shapes

    def _settle(self) -> None:
        """Wait for what was queued before a failure: it still uses the buffers."""
        try:
            self._device.synchronize(self._stream)
        except GrpsError as error:
            # Errors of CUDA kernels stay until the process ends.
            self.failure = str(error)


def run_all(steps: Sequence[Callable[[], None]]) -> None:
    """Run every step, whatever the others do.

    Raises:
        GrpsError: The first failure.
    """
    first: GrpsError | None = None
    for step in steps:
        try:
            step()
        except GrpsError as error:
            first = first or error
    if first is not None:
        raise first
