"""What ONNX Runtime reports of its installation."""

from __future__ import annotations

import onnxruntime

from grps.backends.common.probe import Probe


def probe(has_gpu: bool) -> Probe:
    """Return the version, the devices of this build, and its providers."""
    providers = onnxruntime.get_available_providers()
    has_cuda = "CUDAExecutionProvider" in providers
    trouble = ""
    if has_gpu and not has_cuda:
        trouble = "this build has no CUDA: install onnxruntime-gpu in its place"
    short = ", ".join(name.removesuffix("ExecutionProvider") for name in providers)
    devices = ("cpu", "cuda") if has_cuda else ("cpu",)
    return Probe(onnxruntime.__version__, devices, f"providers: {short}", trouble)
