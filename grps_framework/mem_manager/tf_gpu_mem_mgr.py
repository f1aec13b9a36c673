"""Upstream's import path of the limits of TensorFlow's GPU memory."""

from grps.backends.tensorflow.gpu_memory import TfGpuMemManager

__all__ = ["TfGpuMemManager"]
