"""CUDA devices through NVIDIA's ``cuda-bindings``, imported when a device is asked for."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from grps.backends.common.device import Device
from grps.backends.tensorrt.seam import PinnedMemory
from grps.errors import DeviceError, MissingExtraError, ModelError

_OUT_OF_MEMORY = "cudaErrorMemoryAllocation"
_HINTS = {
    "cudaErrorInsufficientDriver": "install NVIDIA's driver, or a newer one",
    "cudaErrorNoDevice": "no GPU is visible; check nvidia-smi and CUDA_VISIBLE_DEVICES",
    "cudaErrorInitializationError": "check nvidia-smi",
}
"""What to do where CUDA finds no device to use."""


def find_device(device: Device) -> CudaDevice:
    """Return the GPU that ``device`` names; ``auto`` and a bare ``original`` are the first.

    This comes before any use of TensorRT, which crashes on a machine without a driver.

    Raises:
        MissingExtraError: ``cuda-bindings`` is not installed.
        DeviceError: It is the CPU, or there is no such GPU.
    """
    place = device.place
    if place.kind == "cpu":
        raise DeviceError(f"device {device}: TensorRT runs on NVIDIA GPUs only; use device: cuda")
    runtime = _import_runtime()
    status, count = runtime.cudaGetDeviceCount()
    if _name(runtime, status) != "cudaSuccess":
        name = _name(runtime, status)
        hint = _HINTS.get(name, "check nvidia-smi")
        raise DeviceError(
            f"TensorRT needs an NVIDIA GPU: {_text(runtime, status)} ({name}); {hint}"
        )
    if place.index >= count:
        plural = "" if count == 1 else "s"
        raise DeviceError(
            f"device cuda:{place.index}: this machine has {count} CUDA device{plural}"
        )
    return CudaDevice(runtime, place.index)


class CudaDevice:
    """One GPU; see ``GpuDevice``."""

    def __init__(self, runtime: Any, index: int) -> None:
        """Use the GPU with this index through ``runtime``, the module of CUDA's runtime API."""
        self._cuda = runtime
        self.index = index

    def select(self) -> None:
        """Make this the device of the calling thread."""
        self._call("cudaSetDevice", self.index)

    def allocate(self, size: int) -> int:
        """Return the address of ``size`` bytes on the device."""
        return int(self._call("cudaMalloc", size, what=f"{size} bytes on cuda:{self.index}"))

    def free(self, address: int) -> None:
        """Free what ``allocate`` returned."""
        self._call("cudaFree", address)

    def pin(self, size: int) -> PinnedMemory:
        """Return ``size`` bytes of pinned host memory."""
        address = int(self._call("cudaMallocHost", size, what=f"{size} pinned bytes"))
        memory = (ctypes.c_ubyte * size).from_address(address)
        return PinnedMemory(address, np.ctypeslib.as_array(memory))

    def unpin(self, memory: PinnedMemory) -> None:
        """Free what ``pin`` returned."""
        self._call("cudaFreeHost", memory.address)

    def copy_in(self, target: int, source: PinnedMemory, size: int, stream: int) -> None:
        """Queue a copy of ``size`` bytes from host to device."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpyAsync", target, source.address, size, kind, stream)

    def copy_out(self, target: PinnedMemory, source: int, size: int, stream: int) -> None:
        """Queue a copy of ``size`` bytes from device to host."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpyAsync", target.address, source, size, kind, stream)

    def create_stream(self) -> int:
        """Return a stream that does not wait for the default one."""
        flags = self._cuda.cudaStreamNonBlocking
        return int(self._call("cudaStreamCreateWithFlags", flags))

    def destroy_stream(self, stream: int) -> None:
        """Destroy what ``create_stream`` returned."""
        self._call("cudaStreamDestroy", stream)

    def synchronize(self, stream: int) -> None:
        """Wait until all that is queued on the stream has run."""
        self._call("cudaStreamSynchronize", stream)

    def _call(self, function: str, *arguments: Any, what: str = "") -> Any:
        """Call a function of CUDA, which returns its status and perhaps one value.

        Raises:
            ModelError: It failed.
        """
        status, *values = getattr(self._cuda, function)(*arguments)
        name = _name(self._cuda, status)
        if name == _OUT_OF_MEMORY:
            raise ModelError(f"out of memory: {what} ({name} in {function})")
        if name != "cudaSuccess":
            cause = _text(self._cuda, status)
            raise ModelError(f"cuda:{self.index}: {cause} ({name} in {function})")
        return values[0] if values else None


def _import_runtime() -> Any:
    try:
        from cuda.bindings import runtime
    except ImportError:
        try:
            # cuda-python before 12.8 has it here.
            from cuda import cudart
        except ImportError as error:
            raise MissingExtraError("cuda-bindings", "tensorrt") from error
        return cudart
    return runtime


def _name(runtime: Any, status: Any) -> str:
    return _decoded(runtime.cudaGetErrorName(status))


def _text(runtime: Any, status: Any) -> str:
    return _decoded(runtime.cudaGetErrorString(status))


def _decoded(answer: tuple[Any, Any]) -> str:
    value = answer[1]
    return value.decode() if isinstance(value, bytes) else str(value)
