"""GPU memory that an engine takes: how much, how much at most, and giving back what is unused."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Sequence

from grps.backends.common.device import parse_device
from grps.backends.common.gpu_memory import NO_LIMIT, GpuMemManager, NoGpuError
from grps.backends.table import ENGINES
from grps.config.schema import GpuConfig, ModelConfig
from grps.errors import MissingExtraError, ModelError
from grps.log import logger

LIMITED = {
    name: engine.gpu_memory for name, engine in ENGINES.items() if engine.gpu_memory is not None
}
"""Engines whose GPU memory can be limited, by ``inferer_type``."""


def look_after_gpu_memory(
    config: GpuConfig | None, models: Sequence[ModelConfig], wait: Callable[[float], bool]
) -> None:
    """Do what the section ``gpu`` says in a process, before it loads its models and from then on.

    Args:
        config: The section, with this process's share of the memory.
        models: The models that this process will load.
        wait: Sleeps that many seconds; true when the process ends.

    Raises:
        GrpsError: As ``limit_gpu_memory``.
    """
    memory = limit_gpu_memory(config, models)
    if memory is not None and config is not None and config.mem_gc_enable:
        collect_regularly(memory, config, wait)


def limit_gpu_memory(
    config: GpuConfig | None, models: Sequence[ModelConfig] = ()
) -> GpuMemManager | None:
    """Do what the section ``gpu`` of ``server.yml`` says, before a model is loaded.

    Args:
        config: The section.
        models: The models that will be loaded.

    Returns:
        The manager of the memory; ``None`` when nothing is to be done.

    Raises:
        DeviceError: There is no GPU, or one is named that is not there.
        MissingExtraError: The engine is not installed.
        ModelError: The engine refused the limit, or a model of another engine is on a GPU.
    """
    if config is None or (asked := _asked(config)) is None:
        return None
    kind = config.mem_manager_type or "none"
    if kind not in LIMITED:
        raise ModelError(f"{asked}: set gpu.mem_manager_type to one of {', '.join(LIMITED)}")
    check_engines(config, models)
    try:
        memory = _open(kind, list(config.devices or (0,)))
    except NoGpuError as error:
        raise NoGpuError(f"{asked} can't be kept: {error}; leave it out here") from error
    memory.set_mem_limit(config.mem_limit_mib or NO_LIMIT)
    return memory


def check_engines(config: GpuConfig | None, models: Sequence[ModelConfig]) -> None:
    """Refuse what would leave the memory of a model without a limit.

    What the user's own code does with a GPU is not known.

    Raises:
        ModelError: A model of another engine is on a GPU.
    """
    if config is None or (asked := _asked(config)) is None:
        return
    kind = config.mem_manager_type
    for model in models:
        if model.inferer_type in (kind, "customized", "plugin", "identity", "torchserve"):
            continue
        for device in model.devices:
            found = parse_device(device, model.inp_device)
            if found.place.kind == "cuda":
                raise ModelError(
                    f"{asked} manages the memory of {kind} only, but model {model.key} "
                    f"runs on {model.inferer_type} at {found.place}; serve it apart, or leave "
                    "it out"
                )


def collect_regularly(
    memory: GpuMemManager, config: GpuConfig, wait: Callable[[float], bool]
) -> threading.Thread:
    """Start the thread that gives unused memory back every ``mem_gc_interval`` seconds.

    Args:
        memory: The manager of the memory.
        config: The section ``gpu``.
        wait: Sleeps that many seconds; true when the server stops.
    """
    interval = float(config.gc_interval_s)

    def run() -> None:
        while not wait(interval):
            try:
                memory.gpu_mem_gc()
            except Exception:
                logger.exception("gpu: unused memory can't be given back")

    thread = threading.Thread(target=run, name="gpu-memory", daemon=True)
    thread.start()
    return thread


def _asked(config: GpuConfig) -> str | None:
    """Return the key that asks for something; ``None`` when none does."""
    if config.limits_memory:
        return "gpu.mem_limit_mib"
    return "gpu.mem_gc_enable" if config.mem_gc_enable else None


def _open(kind: str, devices: list[int]) -> GpuMemManager:
    engine = ENGINES[kind]
    try:
        module = importlib.import_module(engine.module("gpu_memory"))
    except ModuleNotFoundError as error:
        if error.name != engine.package:
            raise
        raise MissingExtraError(engine.package, engine.extra) from error
    memory: GpuMemManager = getattr(module, LIMITED[kind].manager)(devices)
    return memory
