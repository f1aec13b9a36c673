"""What OpenVINO reports of its installation."""

from __future__ import annotations

import openvino

from grps.backends.common.probe import Probe

_KINDS = {"CPU": "cpu", "GPU": "gpu", "NPU": "npu"}


def probe(_: bool) -> Probe:
    """Return the version, the devices, and the precision on the CPU."""
    core = openvino.Core()
    devices = []
    for device in core.available_devices:
        kind, _, index = device.partition(".")
        if kind in _KINDS:
            devices.append(f"{_KINDS[kind]}:{index}" if index else _KINDS[kind])
    precision = core.get_property("CPU", "INFERENCE_PRECISION_HINT").get_type_name()
    return Probe(openvino.__version__.split("-")[0], tuple(devices), f"computes in {precision}")
