"""Limits of GPU memory, on a machine that may have no GPU."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest

from grps.backends.common.gpu_memory import GpuMemManager, NoGpuError, check_devices
from grps.backends.gpu_memory import collect_regularly, limit_gpu_memory
from grps.backends.tensorflow.gpu_memory import TfGpuMemManager
from grps.backends.tensorflow.runtime import tf
from grps.backends.torch.gpu_memory import TorchGpuMemManager
from grps.config.schema import GpuConfig, ModelConfig
from grps.errors import DeviceError, MissingExtraError, ModelError

KINDS = pytest.mark.parametrize("kind", [TfGpuMemManager, TorchGpuMemManager])
WITHOUT_GPU = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="this machine has a GPU"
)


class Counted(GpuMemManager):
    """Counts its collections; every second one fails."""

    def __init__(self, devices: list[int]) -> None:
        super().__init__(devices)
        self.rounds = 0

    def get_mem_usage(self) -> list[float]:
        return [0.0 for _ in self.get_devices()]

    def set_mem_limit(self, limit: int) -> bool:
        return True

    def gpu_mem_gc(self) -> bool:
        self.rounds += 1
        if self.rounds % 2 == 0:
            raise RuntimeError("no")
        return True


@WITHOUT_GPU
@KINDS
def test_needs_a_gpu(kind: type[GpuMemManager]) -> None:
    with pytest.raises(NoGpuError, match="no GPU is found"):
        kind([0])


def test_devices_must_be_there() -> None:
    assert check_devices([0, 1], 2) == [0, 1]
    for device in (-1, 2):
        with pytest.raises(DeviceError, match=f"gpu {device}: this machine has 2 GPUs"):
            check_devices([device], 2)
    with pytest.raises(DeviceError, match=r"this machine has 1 GPU$"):
        check_devices([1], 1)


@WITHOUT_GPU
@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("torch", "can't be kept: no GPU is found; leave it out here"),
        ("tensorflow", "can't be kept: no GPU is found; leave it out here"),
        ("onnxruntime", "can't be kept: this build of onnxruntime has no CUDA"),
        ("none", "set gpu.mem_manager_type to one of torch, onnxruntime, tensorflow"),
        (None, "set gpu.mem_manager_type to one of torch, onnxruntime, tensorflow"),
    ],
)
def test_what_can_not_be_kept_is_refused(kind: Any, cause: str) -> None:
    asked: list[tuple[str, Any]] = [("mem_limit_mib", 1), ("mem_gc_enable", True)]
    for key, value in asked:
        config = GpuConfig(devices=(0,), mem_manager_type=kind, **{key: value})
        with pytest.raises(ModelError) as refused:
            limit_gpu_memory(config)
        assert str(refused.value).startswith(f"gpu.{key}")
        assert cause in str(refused.value)


def test_an_engine_that_is_not_installed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grps.backends.torch.gpu_memory", None)
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "grps.backends.torch.gpu_memory")
    config = GpuConfig(mem_manager_type="torch", mem_limit_mib=1)
    with pytest.raises(MissingExtraError, match=r"torch is not installed.*grpst\[torch\]"):
        limit_gpu_memory(config)


def model_on(device: str, inferer_type: Any) -> ModelConfig:
    return ModelConfig(name="m", version="1", inferer_type=inferer_type, device=device)


@pytest.mark.parametrize("device", ["cuda", "gpu:1", "cpu,cuda:1", "original cuda"])
def test_memory_of_another_engine_has_no_limit_so_it_is_refused(device: str) -> None:
    config = GpuConfig(mem_manager_type="torch", mem_limit_mib=1)
    with pytest.raises(ModelError, match=r"model m-1 runs on tensorflow at cuda:\d"):
        limit_gpu_memory(config, [model_on(device, "tensorflow")])


@WITHOUT_GPU
@pytest.mark.parametrize(
    ("device", "inferer_type"), [("cuda", "torch"), ("cpu", "tensorflow"), ("cuda", "customized")]
)
def test_other_models_do_not_stand_in_the_way(device: str, inferer_type: str) -> None:
    config = GpuConfig(mem_manager_type="torch", mem_limit_mib=1)
    with pytest.raises(NoGpuError):
        limit_gpu_memory(config, [model_on(device, inferer_type)])


def test_nothing_is_done_unless_asked(caplog: pytest.LogCaptureFixture) -> None:
    for config in (
        None,
        GpuConfig(),
        GpuConfig(devices=(0,), mem_manager_type="torch", mem_limit_mib=-1, mem_gc_enable=False),
    ):
        assert limit_gpu_memory(config) is None
    assert caplog.text == ""


def test_unused_memory_is_given_back_until_the_server_stops() -> None:
    memory, waits = Counted([0]), []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) > 3

    thread = collect_regularly(memory, GpuConfig(mem_gc_interval=5), wait)
    thread.join(20)
    assert not thread.is_alive()
    assert (memory.rounds, waits) == (3, [5, 5, 5, 5])
    stopped = threading.Event()
    stopped.set()
    collect_regularly(memory, GpuConfig(), stopped.wait).join(20)
    assert memory.rounds == 3
