"""The device grammar that all backends share.

``cpu``, ``cuda``, ``cuda:N``, ``gpu``, ``gpu:N``, ``npu`` and ``npu:N`` place a model; ``original``
leaves it where its file puts it, and the inputs then go to ``original <device>`` or to the key
``inp_device``. ``cuda`` is a GPU of NVIDIA, ``gpu`` one that the engine runs on: the same but for
OpenVINO, whose GPUs are Intel's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from grps.errors import DeviceError

_PLACES = "cpu, cuda, cuda:N, gpu, gpu:N, npu, npu:N"
ALLOWED = f"{_PLACES}, original, original <input device>"
"""The device strings users may write."""

_PLACE = re.compile(r"(?P<kind>cpu|cuda|gpu|npu)(?::(?P<index>\d{1,3}))?")


@dataclass(frozen=True, slots=True)
class Device:
    """A place for a model, and for its inputs when the model stays where it is."""

    kind: Literal["auto", "cpu", "cuda", "npu", "original"]
    """``auto`` is CUDA where there is one, else the CPU."""
    index: int = 0
    """Which of several; 0 for the rest."""
    inputs: Device | None = None
    """Where inputs go; only for ``original``, and ``None`` leaves that to the backend."""
    any_gpu: bool = field(default=False, compare=False)
    """Whether a GPU was written as ``gpu``, of any vendor."""

    @property
    def place(self) -> Device:
        """Where the model's inputs go: its device, or ``inputs`` for ``original``."""
        return self.inputs or self

    def __str__(self) -> str:
        """Write the device as a user would."""
        if self.kind in ("cuda", "npu"):
            return f"{self.kind}:{self.index}"
        return f"original {self.inputs}" if self.inputs else self.kind


def parse_device(text: str | None, inp_device: str | None = None) -> Device:
    """Read the keys ``device`` and ``inp_device`` of a model.

    Args:
        text: The device; ``None`` or empty for CUDA where there is one, else the CPU.
        inp_device: Where inputs go; used only when ``text`` is ``original``.

    Raises:
        DeviceError: The text follows no form of the grammar.
    """
    words = (text or "").lower().split()
    if not words:
        return Device("auto")
    if words[0] != "original":
        return _place("device", text or "", words)
    if words[1:]:
        return Device("original", inputs=_place("device", text or "", words[1:]))
    if inp_device and inp_device.strip():
        inputs = _place("inp_device", inp_device, inp_device.lower().split())
        return Device("original", inputs=inputs)
    return Device("original")


def choose_device(device: Device, cuda_devices: int, why_no_cuda: str) -> Device:
    """Settle ``auto`` and refuse a CUDA device that is absent; ``original`` passes as it is.

    Args:
        device: What the user asked for.
        cuda_devices: How many CUDA devices the engine can use.
        why_no_cuda: Why there are none, said to the user when ``cuda_devices`` is 0.

    Raises:
        DeviceError: The device is not on this machine or the engine can't use it.
    """
    if device.kind == "auto":
        return Device("cuda") if cuda_devices else Device("cpu")
    place = device.place
    if place.kind == "npu":
        raise DeviceError(f"device {place}: only OpenVINO runs on NPUs; use device: cpu")
    if place.kind == "cuda" and place.index >= cuda_devices:
        if cuda_devices == 0:
            raise DeviceError(f"device {place}: {why_no_cuda}; use device: cpu")
        plural = "" if cuda_devices == 1 else "s"
        raise DeviceError(f"device {place}: this machine has {cuda_devices} CUDA device{plural}")
    return device


def require_cpu(device: Device, engine: str) -> None:
    """Refuse any device but the CPU, for an engine that has no other.

    Raises:
        DeviceError: It is another.
    """
    if device.place.kind in ("cuda", "npu"):
        raise DeviceError(f"device {device.place}: {engine} runs on the CPU only; use device: cpu")


def _place(key: str, text: str, words: list[str]) -> Device:
    found = _PLACE.fullmatch(words[0]) if len(words) == 1 else None
    if found is None or (found["kind"] == "cpu" and found["index"] is not None):
        allowed = ALLOWED if key == "device" else _PLACES
        raise DeviceError(f"{key}: {text!r} is not a device; allowed: {allowed}")
    if found["kind"] == "cpu":
        return Device("cpu")
    index = int(found["index"] or 0)
    if found["kind"] == "npu":
        return Device("npu", index)
    return Device("cuda", index, any_gpu=found["kind"] == "gpu")
