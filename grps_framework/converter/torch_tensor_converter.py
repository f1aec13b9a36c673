"""Upstream's import path of the torch tensor converter."""

from grps.backends.torch_converter import TorchTensorConverter

__all__ = ["TorchTensorConverter"]
