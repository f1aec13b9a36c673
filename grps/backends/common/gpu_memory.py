"""The seam to the GPU memory of one engine."""

from __future__ import annotations

from abc import ABC, abstractmethod

from grps.errors import DeviceError

NO_LIMIT = -1
MIB = 1024 * 1024


class NoGpuError(DeviceError):
    """There is no GPU whose memory could be limited."""


class GpuMemManager(ABC):
    """Memory of some GPUs as one engine sees it; the names are those of GRPS 1.1."""

    @abstractmethod
    def __init__(self, devices: list[int]) -> None:
        """Manage GPUs by their numbers."""
        self._devices = devices

    def get_devices(self) -> list[int]:
        """Return the numbers of the GPUs."""
        return self._devices

    @abstractmethod
    def get_mem_usage(self) -> list[float]:
        """Return the MiB in use on each GPU; nothing when the engine does not report it."""

    @abstractmethod
    def set_mem_limit(self, limit: int) -> bool:
        """Let the engine take at most ``limit`` MiB of each GPU; -1 is no limit."""

    @abstractmethod
    def gpu_mem_gc(self) -> bool:
        """Give memory back that the engine keeps without using it."""


def check_devices(devices: list[int], count: int) -> list[int]:
    """Return ``devices`` when this machine has them all.

    Args:
        devices: Numbers of GPUs.
        count: How many GPUs the engine finds.

    Raises:
        NoGpuError: There is no GPU at all.
        DeviceError: One of them is absent.
    """
    if count == 0:
        raise NoGpuError("no GPU is found")
    for device in devices:
        if not 0 <= device < count:
            plural = "" if count == 1 else "s"
            raise DeviceError(f"gpu {device}: this machine has {count} GPU{plural}")
    return devices
