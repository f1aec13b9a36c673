"""Upstream's import path of the TensorFlow tensor converter."""

from grps.backends.tensorflow_converter import TfTensorConverter

__all__ = ["TfTensorConverter"]
