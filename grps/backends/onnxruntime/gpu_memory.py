"""GPU memory that ONNX Runtime takes."""

from __future__ import annotations

import onnxruntime

from grps.backends.common.gpu_memory import NO_LIMIT, GpuMemManager, NoGpuError
from grps.backends.onnxruntime.providers import CUDA
from grps.log import logger


class OnnxGpuMemManager(GpuMemManager):
    """Each session keeps its share of the limit by itself; see ``gpu_mem_limit_mib``."""

    def __init__(self, devices: list[int]) -> None:
        """Manage GPUs by their numbers.

        Raises:
            NoGpuError: This build of ONNX Runtime supports no GPU.
        """
        if CUDA not in onnxruntime.get_available_providers():
            raise NoGpuError("this build of onnxruntime has no CUDA; install onnxruntime-gpu")
        super().__init__(devices)

    def get_mem_usage(self) -> list[float]:
        """Return nothing: ONNX Runtime does not report it."""
        return []

    def set_mem_limit(self, limit: int) -> bool:
        """Write it to the log; sessions get their shares of ``limit`` MiB when they are loaded."""
        if limit != NO_LIMIT:
            logger.info("gpu: models of ONNX Runtime share %d MiB of each GPU", limit)
        return True

    def gpu_mem_gc(self) -> bool:
        """Do nothing: each session's own runs give unused memory back."""
        return True
