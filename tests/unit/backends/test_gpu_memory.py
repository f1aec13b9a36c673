"""Limits of GPU memory, on a machine that may have no GPU."""

from __future__ import annotations

import logging
import threading

import pytest

from grps.backends.gpu_memory import (
    GpuMemManager,
    NoGpuError,
    check_devices,
    collect_regularly,
    limit_gpu_memory,
)
from grps.backends.tensorflow_gpu_memory import TfGpuMemManager
from grps.backends.tensorflow_runtime import tf
from grps.backends.torch_gpu_memory import TorchGpuMemManager
from grps.config.schema import GpuConfig
from grps.errors import DeviceError

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
        ("torch", "no GPU is found"),
        ("tensorflow", "no GPU is found"),
        ("none", "set mem_manager_type to torch or tensorflow"),
        (None, "set mem_manager_type to torch or tensorflow"),
    ],
)
def test_a_limit_that_can_not_be_kept_is_logged(
    caplog: pytest.LogCaptureFixture, kind: str | None, cause: str
) -> None:
    caplog.set_level(logging.WARNING, "grps.server")
    for settings in ({"mem_limit_mib": 1}, {"mem_gc_enable": True}):
        caplog.clear()
        config = GpuConfig(devices=(0,), mem_manager_type=kind, **settings)  # type: ignore[arg-type]
        assert limit_gpu_memory(config) is None
        assert f"gpu: memory is not limited: {cause}" in caplog.text


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
