"""Upstream's import path of the PyTorch inferer."""

from grps.backends.torch_inferer import TorchModelInferer

__all__ = ["TorchModelInferer"]
