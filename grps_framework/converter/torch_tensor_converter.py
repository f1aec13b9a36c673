"""Upstream's import path of the torch tensor converter."""

from grps.backends.torch.converter import TorchTensorConverter

__all__ = ["TorchTensorConverter"]
