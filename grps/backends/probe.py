"""What an engine of this machine is and which devices it can use.

``python -m grps.backends.probe ENGINE [--gpu]`` prints it as JSON: each engine in a process of its
own, as loading one may take long, write to standard error, or crash.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass

import msgspec

from grps.backends.environment import quiet_engines


@dataclass(frozen=True, slots=True)
class Probe:
    """What an engine tells of itself."""

    version: str
    devices: tuple[str, ...]
    """In the words of ``device``; for ONNX Runtime those that its build can use."""
    detail: str = ""
    """What else may help to find out why something is slow or missing."""
    trouble: str = ""
    """What does not work, and what to do."""


def _torch(has_gpu: bool) -> Probe:
    import torch

    gpus = torch.cuda.device_count()
    built = torch.version.cuda
    detail = f"CUDA {built}" if built else "built without CUDA"
    trouble = ""
    if has_gpu and not gpus:
        why = "check nvidia-smi and CUDA_VISIBLE_DEVICES" if built else "install a build with CUDA"
        trouble = f"it finds no GPU: {why}"
    return Probe(str(torch.__version__), ("cpu", *_cuda(gpus)), detail, trouble)


def _onnxruntime(has_gpu: bool) -> Probe:
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    has_cuda = "CUDAExecutionProvider" in providers
    trouble = ""
    if has_gpu and not has_cuda:
        trouble = "this build has no CUDA: install onnxruntime-gpu in its place"
    short = ", ".join(name.removesuffix("ExecutionProvider") for name in providers)
    devices = ("cpu", "cuda") if has_cuda else ("cpu",)
    return Probe(onnxruntime.__version__, devices, f"providers: {short}", trouble)


def _tensorflow(has_gpu: bool) -> Probe:
    quiet_engines()
    import tensorflow as tf

    gpus = len(tf.config.list_physical_devices("GPU"))
    built = tf.test.is_built_with_cuda()
    detail = "built with CUDA" if built else "built without CUDA"
    trouble = ""
    if has_gpu and not gpus:
        trouble = "it finds no GPU: install tensorflow[and-cuda]"
    return Probe(tf.__version__, ("cpu", *_cuda(gpus)), detail, trouble)


def _tensorrt(_: bool) -> Probe:
    import tensorrt

    from grps.backends.common.device import Device
    from grps.backends.tensorrt.cuda import find_device
    from grps.errors import GrpsError

    try:
        find_device(Device("cuda"))
    except GrpsError as error:
        return Probe(tensorrt.__version__, (), trouble=str(error))
    return Probe(tensorrt.__version__, ("cuda",))


def _openvino(_: bool) -> Probe:
    import openvino

    core = openvino.Core()
    names = {"CPU": "cpu", "GPU": "gpu", "NPU": "npu"}
    devices = []
    for device in core.available_devices:
        kind, _, index = device.partition(".")
        if kind in names:
            devices.append(f"{names[kind]}:{index}" if index else names[kind])
    precision = core.get_property("CPU", "INFERENCE_PRECISION_HINT").get_type_name()
    return Probe(openvino.__version__.split("-")[0], tuple(devices), f"computes in {precision}")


def _sklearn(_: bool) -> Probe:
    import sklearn

    return Probe(sklearn.__version__, ("cpu",))


def _xgboost(_: bool) -> Probe:
    import xgboost

    cuda = bool(xgboost.build_info().get("USE_CUDA"))
    return Probe(
        xgboost.__version__, ("cpu", "cuda") if cuda else ("cpu",), "" if cuda else "without CUDA"
    )


def _lightgbm(_: bool) -> Probe:
    import lightgbm

    return Probe(lightgbm.__version__, ("cpu",))


PROBES: dict[str, Callable[[bool], Probe]] = {
    "torch": _torch,
    "onnxruntime": _onnxruntime,
    "tensorflow": _tensorflow,
    "tensorrt": _tensorrt,
    "openvino": _openvino,
    "sklearn": _sklearn,
    "xgboost": _xgboost,
    "lightgbm": _lightgbm,
}
"""By ``inferer_type``; each is told whether the machine has a GPU with its driver."""


def _cuda(count: int) -> tuple[str, ...]:
    return tuple(f"cuda:{index}" for index in range(count))


def main() -> int:
    """Print what the engine named on the command line tells."""
    found = PROBES[sys.argv[1]]("--gpu" in sys.argv)
    sys.stdout.write("\n" + msgspec.json.encode(asdict(found)).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
