"""Upstream's import path of the TensorFlow inferer."""

from grps.backends.tensorflow.inferer import TfModelInferer

__all__ = ["TfModelInferer"]
