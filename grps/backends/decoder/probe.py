"""What the decoder reports of its installation."""

from __future__ import annotations

import llguidance
import torch

from grps.backends.common.probe import Probe, cuda_devices


def probe(has_gpu: bool) -> Probe:
    """Return the versions and the devices. What keeps PyTorch from a GPU is in its own report."""
    gpus = torch.cuda.device_count() if has_gpu else 0
    detail = f"PyTorch, with llguidance {llguidance.__version__}"
    return Probe(str(torch.__version__), ("cpu", *cuda_devices(gpus)), detail)
