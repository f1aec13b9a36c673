"""Upstream's import path of the TensorRT inferer."""

from grps.backends.tensorrt.inferer import TrtModelInferer

__all__ = ["TrtModelInferer", "g_trt_inferer_dbg"]

g_trt_inferer_dbg = False
"""Upstream's switch for its timing log. Without effect: the server's histograms tell times."""
