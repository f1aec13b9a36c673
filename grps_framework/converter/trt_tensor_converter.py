"""Upstream's import path of the TensorRT tensor converter."""

from grps.backends.tensorrt.converter import TrtTensorConverter

__all__ = ["TrtTensorConverter"]
