"""Upstream's import path of the TensorFlow tensor converter."""

from grps.backends.tensorflow.converter import TfTensorConverter

__all__ = ["TfTensorConverter"]
