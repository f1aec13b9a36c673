"""Devices of engines that run on the CPU alone."""

from __future__ import annotations

from grps.backends.device import Device
from grps.errors import DeviceError


def require_cpu(device: Device, engine: str) -> None:
    """Refuse any device but the CPU.

    Raises:
        DeviceError: It is another.
    """
    place = device.inputs or device
    if place.kind in ("cuda", "npu"):
        raise DeviceError(f"device {place}: {engine} runs on the CPU only; use device: cpu")
