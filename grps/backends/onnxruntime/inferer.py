"""An ONNX model to derive an inferer of one's own from."""

from __future__ import annotations

from grps.backends.array_inferer import ArrayInferer


class OnnxModelInferer(ArrayInferer):
    """Runs an ONNX model on numpy arrays; returns a dict of its outputs."""

    engine = "onnxruntime"
