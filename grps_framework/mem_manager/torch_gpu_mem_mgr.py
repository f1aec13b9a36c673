"""Upstream's import path of the limits of PyTorch's GPU memory."""

from grps.backends.torch.gpu_memory import TorchGpuMemManager

__all__ = ["TorchGpuMemManager"]
