"""CUDA through the real ``cuda-bindings``, on a machine whose GPUs are hidden if it has any."""

from __future__ import annotations

import subprocess
import sys

import pytest

from grps.backends.common.device import Device
from grps.backends.tensorrt.cuda import find_device
from grps.errors import MissingExtraError
from tests.support import REPOSITORY

SCRIPT = """
import sys
import numpy as np
from cuda.bindings import runtime
from grps.backends.common.device import Device
from grps.backends.tensorrt.cuda import CudaDevice, find_device
from grps.backends.tensorrt.seam import PinnedMemory
from grps.errors import GrpsError
from tests.support import REPOSITORY

gpu = CudaDevice(runtime, 0)
pinned = PinnedMemory(0, np.zeros(1, np.uint8))
for call in (
    lambda: find_device(Device("auto")),
    gpu.select,
    lambda: gpu.allocate(16),
    lambda: gpu.free(0xDEAD00),
    lambda: gpu.pin(16),
    lambda: gpu.unpin(PinnedMemory(0xDEAD00, pinned.bytes)),
    lambda: gpu.copy_in(0xDEAD00, pinned, 1, 0),
    lambda: gpu.copy_out(pinned, 0xDEAD00, 1, 0),
    gpu.create_stream,
    lambda: gpu.destroy_stream(0xDEAD00),
    lambda: gpu.synchronize(0),
):
    try:
        call()
    except GrpsError as error:
        print(type(error).__name__, error)
"""


def test_a_machine_without_a_gpu_is_told_what_it_lacks() -> None:
    environment = {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], check=True, text=True, stdout=subprocess.PIPE,
        env=environment,
    )  # fmt: skip
    first, *others = done.stdout.splitlines()
    assert first.startswith("DeviceError TensorRT needs an NVIDIA GPU: ")
    assert "(cudaErrorInsufficientDriver); install NVIDIA's driver" in first or (
        "(cudaErrorNoDevice); no GPU is visible; check nvidia-smi" in first
    )
    functions = [
        "cudaSetDevice", "cudaMalloc", "cudaFree", "cudaMallocHost", "cudaFreeHost",
        "cudaMemcpyAsync", "cudaMemcpyAsync", "cudaStreamCreateWithFlags", "cudaStreamDestroy",
        "cudaStreamSynchronize",
    ]  # fmt: skip
    assert len(others) == len(functions)
    for line, function in zip(others, functions, strict=True):
        assert line.startswith("ModelError cuda:0: ")
        assert line.endswith(f" in {function})")


def test_missing_bindings_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda", None)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(MissingExtraError, match=r"cuda-bindings is not .*'grpst\[tensorrt\]'"):
        find_device(Device("auto"))
