"""What TensorFlow reports of its installation."""

from __future__ import annotations

import tensorflow as tf

from grps.backends.common.probe import Probe, cuda_devices


def probe(has_gpu: bool) -> Probe:
    """Return the version, the devices, and why a GPU is not found."""
    gpus = len(tf.config.list_physical_devices("GPU"))
    built = tf.test.is_built_with_cuda()
    detail = "built with CUDA" if built else "built without CUDA"
    trouble = ""
    if has_gpu and not gpus:
        trouble = "it finds no GPU: install tensorflow[and-cuda]"
    return Probe(tf.__version__, ("cpu", *cuda_devices(gpus)), detail, trouble)
