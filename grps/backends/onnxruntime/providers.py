"""ONNX Runtime's execution providers: which of them run a model, and with what options.

``device`` alone chooses CUDA or the CPU. ``inferer_args.providers`` names any others, the first
one that can run an operator runs it; what none of them can run goes to the CPU.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnxruntime

from grps.backends.common.device import Device, choose_device
from grps.config.suggest import hint
from grps.errors import DeviceError, ModelError

Options = Mapping[str, str | int | float | bool]
Chosen = list[tuple[str, dict[str, str]]]
"""Providers with their options, as ONNX Runtime takes them."""

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
_ENDING = "ExecutionProvider"
_TAKE_DEVICE_ID = ("cuda", "tensorrt", "nvtensorrtrtx", "rocm", "migraphx", "dml", "cann")
"""Providers of GPUs that take their number as ``device_id``."""
_PACKAGES = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "nvtensorrtrtx": "onnxruntime-trt-rtx",
    "openvino": "onnxruntime-openvino",
    "dml": "onnxruntime-directml",
    "migraphx": "onnxruntime-migraphx",
    "rocm": "onnxruntime-rocm",
    "qnn": "onnxruntime-qnn",
    "cann": "onnxruntime-cann",
}
"""Python packages whose build of ONNX Runtime has a provider."""
_BYTES_PER_MIB = 1024 * 1024


def choose_providers(
    device: Device,
    named: Sequence[str],
    options: Mapping[str, Options],
    memory_limit_mib: int | None = None,
) -> tuple[Device, Chosen]:
    """Return the device that a model runs on and the providers that run it.

    Args:
        device: What the user asked for; ``original`` means the CPU, as ONNX files name no device.
        named: The user's own choice, such as ``tensorrt``; that of ``device`` when empty.
        options: Options by provider, in ONNX Runtime's own words.
        memory_limit_mib: Most memory of a GPU for the arena of CUDA; ``None`` for no limit.

    Raises:
        DeviceError: The device is absent or unknown to this build.
        ModelError: A provider is unknown to this build, or has options without being chosen.
    """
    available = {_short(name): name for name in onnxruntime.get_available_providers()}
    keys = [_known(name, available) for name in named]
    place = _settle(device, keys, CUDA in available.values())
    if not keys:
        keys = ["cuda"] if place.kind == "cuda" else ["cpu"]
    if "cpu" not in keys:
        keys.append("cpu")
    given = {_short(name): dict(value) for name, value in options.items()}
    for key in given:
        if key not in keys:
            raise ModelError(
                f"inferer_args: provider_options: {key} is not one of the providers of this model: "
                f"{', '.join(keys)}"
            )
    chosen: Chosen = []
    for key in keys:
        own: dict[str, str | int | float | bool] = {}
        if place.kind == "cuda" and key in _TAKE_DEVICE_ID:
            own["device_id"] = place.index
        if memory_limit_mib is not None and key == "cuda":
            own["gpu_mem_limit"] = memory_limit_mib * _BYTES_PER_MIB
            own["arena_extend_strategy"] = "kSameAsRequested"
        own |= given.get(key, {})
        chosen.append((available[key], {name: _text(value) for name, value in own.items()}))
    return place, chosen


def check_started(wanted: Chosen, started: Sequence[str]) -> None:
    """Refuse a session that runs on the CPU instead.

    Raises:
        DeviceError: A provider did not start.
    """
    for name, _ in wanted:
        if name not in started:
            raise DeviceError(
                f"ONNX Runtime can't start {name}; check its driver and libraries, or use "
                "device: cpu"
            )


def _settle(device: Device, keys: Sequence[str], has_cuda: bool) -> Device:
    if device.kind == "original":
        device = device.inputs or Device("cpu")
    if keys:
        # Named providers decide by themselves what they run on; a device only numbers it.
        return Device("cpu") if device.kind == "auto" else device
    if device.kind == "auto" and not has_cuda:
        return Device("cpu")
    # ONNX Runtime does not report the number of devices before a session starts on one.
    count = max(1, device.index + 1) if has_cuda else 0
    return choose_device(
        device, count, "this build of onnxruntime has no CUDA; install onnxruntime-gpu"
    )


def _known(name: str, available: Mapping[str, str]) -> str:
    key = _short(name)
    if key in available:
        return key
    if package := _PACKAGES.get(key):
        raise ModelError(
            f"inferer_args: providers: this build of onnxruntime has no {key}; install {package} "
            f"in its place (it has {', '.join(available)})"
        )
    raise ModelError(
        f"inferer_args: providers: {name!r} is not in this build of onnxruntime"
        f"{hint(key, list(available))}; it has {', '.join(available)}"
    )


def _short(name: str) -> str:
    """Return ``tensorrt`` for ``TensorrtExecutionProvider``, and for ``TensorRT``."""
    return name.removesuffix(_ENDING).lower()


def _text(value: str | int | float | bool) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
