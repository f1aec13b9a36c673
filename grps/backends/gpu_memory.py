"""GPU memory that an engine takes: how much, how much at most, and giving back what is unused."""

from __future__ import annotations

import importlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable

from grps.config.schema import GpuConfig
from grps.errors import DeviceError, MissingExtraError
from grps.log import logger

NO_LIMIT = -1
MIB = 1024 * 1024
DEFAULT_INTERVAL_S = 60

_ENGINES = {
    "torch": ("grps.backends.torch_gpu_memory", "TorchGpuMemManager"),
    "tensorflow": ("grps.backends.tensorflow_gpu_memory", "TfGpuMemManager"),
}


class NoGpuError(DeviceError):
    """There is no GPU whose memory could be limited."""


class GpuMemManager(ABC):
    """Memory of some GPUs as one engine sees it; the names are those of GRPS 1.1."""

    @abstractmethod
    def __init__(self, devices: list[int]) -> None:
        """Look after GPUs by their numbers."""
        self._devices = devices

    def get_devices(self) -> list[int]:
        """Return the numbers of the GPUs."""
        return self._devices

    @abstractmethod
    def get_mem_usage(self) -> list[float]:
        """Return the MiB in use on each GPU; nothing when the engine does not tell."""

    @abstractmethod
    def set_mem_limit(self, limit: int) -> bool:
        """Let the engine take at most ``limit`` MiB of each GPU; -1 is no limit."""

    @abstractmethod
    def gpu_mem_gc(self) -> bool:
        """Give memory back that the engine keeps without using it."""


def check_devices(devices: list[int], count: int) -> list[int]:
    """Return ``devices`` when this machine has them all.

    Args:
        devices: Numbers of GPUs.
        count: How many GPUs the engine finds.

    Raises:
        NoGpuError: There is no GPU at all.
        DeviceError: One of them is absent.
    """
    if count == 0:
        raise NoGpuError("no GPU is found")
    for device in devices:
        if not 0 <= device < count:
            plural = "" if count == 1 else "s"
            raise DeviceError(f"gpu {device}: this machine has {count} GPU{plural}")
    return devices


def limit_gpu_memory(config: GpuConfig | None) -> GpuMemManager | None:
    """Do what the section ``gpu`` of ``server.yml`` says, before a model is loaded.

    Returns:
        What looks after the memory; ``None`` when nothing is to be done, or can be: then the log
        says why.

    Raises:
        DeviceError: A GPU is named that is not there.
        ModelError: The engine refused the limit.
    """
    if config is None or not _wanted(config):
        return None
    engine = _ENGINES.get(config.mem_manager_type or "")
    if engine is None:
        logger.warning("gpu: memory is not limited: set mem_manager_type to torch or tensorflow")
        return None
    try:
        memory = _open(config.mem_manager_type or "", *engine, list(config.devices or (0,)))
    except (NoGpuError, MissingExtraError) as error:
        logger.warning("gpu: memory is not limited: %s", error)
        return None
    memory.set_mem_limit(config.mem_limit_mib or NO_LIMIT)
    return memory


def collect_regularly(
    memory: GpuMemManager, config: GpuConfig, wait: Callable[[float], bool]
) -> threading.Thread:
    """Start the thread that gives unused memory back every ``mem_gc_interval`` seconds.

    Args:
        memory: What looks after the memory.
        config: The section ``gpu``.
        wait: Sleeps that many seconds; true when the server stops.
    """
    interval = float(config.mem_gc_interval or DEFAULT_INTERVAL_S)

    def run() -> None:
        while not wait(interval):
            try:
                memory.gpu_mem_gc()
            except Exception:
                logger.exception("gpu: unused memory can't be given back")

    thread = threading.Thread(target=run, name="gpu-memory", daemon=True)
    thread.start()
    return thread


def _wanted(config: GpuConfig) -> bool:
    return (config.mem_limit_mib or NO_LIMIT) > 0 or bool(config.mem_gc_enable)


def _open(package: str, module: str, name: str, devices: list[int]) -> GpuMemManager:
    try:
        kind = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingExtraError(package, package) from error
    memory: GpuMemManager = kind(devices)
    return memory
