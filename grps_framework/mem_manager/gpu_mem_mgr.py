"""Upstream's import path of the base of GPU memory limits."""

from grps.backends.common.gpu_memory import GpuMemManager

__all__ = ["GpuMemManager"]
