"""Upstream's import path of the PyTorch inferer."""

from grps.backends.torch.inferer import TorchModelInferer

__all__ = ["TorchModelInferer"]
