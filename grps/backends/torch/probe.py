"""What PyTorch reports of its installation."""

from __future__ import annotations

import torch

from grps.backends.common.probe import Probe, cuda_devices


def probe(has_gpu: bool) -> Probe:
    """Return the version, the devices, and why a GPU is not found."""
    gpus = torch.cuda.device_count()
    built = torch.version.cuda
    detail = f"CUDA {built}" if built else "built without CUDA"
    trouble = ""
    if has_gpu and not gpus:
        why = "check nvidia-smi and CUDA_VISIBLE_DEVICES" if built else "install a build with CUDA"
        trouble = f"it finds no GPU: {why}"
    return Probe(str(torch.__version__), ("cpu", *cuda_devices(gpus)), detail, trouble)
