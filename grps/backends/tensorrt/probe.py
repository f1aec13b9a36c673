"""What TensorRT reports of its installation."""

from __future__ import annotations

import tensorrt

from grps.backends.common.device import Device
from grps.backends.common.probe import Probe
from grps.backends.tensorrt.cuda import find_device
from grps.errors import GrpsError


def probe(_: bool) -> Probe:
    """Return the version, and the GPU or why none is found."""
    try:
        find_device(Device("cuda"))
    except GrpsError as error:
        return Probe(tensorrt.__version__, (), trouble=str(error))
    return Probe(tensorrt.__version__, ("cuda",))
