"""GPU memory that PyTorch takes."""

from __future__ import annotations

import torch

from grps.backends.common.gpu_memory import MIB, NO_LIMIT, GpuMemManager, check_devices
from grps.log import logger


class TorchGpuMemManager(GpuMemManager):
    """Limits the part of each GPU's memory that PyTorch's allocator may take."""

    def __init__(self, devices: list[int]) -> None:
        """Manage GPUs by their numbers.

        Raises:
            DeviceError: A GPU is absent.
        """
        super().__init__(check_devices(devices, torch.cuda.device_count()))

    def get_mem_usage(self) -> list[float]:
        """Return the MiB that PyTorch has reserved on each GPU."""
        return [torch.cuda.memory_reserved(device) / MIB for device in self._devices]

    def set_mem_limit(self, limit: int) -> bool:
        """Let PyTorch take at most ``limit`` MiB of each GPU; -1 is no limit."""
        if limit == NO_LIMIT:
            logger.info("gpu: no memory limit for PyTorch")
            return True
        for device in self._devices:
            total = torch.cuda.get_device_properties(device).total_memory / MIB
            torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total), device)
            logger.info("gpu %d: PyTorch may take %d of %d MiB", device, limit, total)
        return True

    def gpu_mem_gc(self) -> bool:
        """Give memory back that PyTorch keeps without using it."""
        torch.cuda.empty_cache()
        return True
