"""Upstream's import path of the base of GPU memory limits."""

from grps.backends.gpu_memory import GpuMemManager

__all__ = ["GpuMemManager"]
