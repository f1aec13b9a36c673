"""The shares that the models of a service get of its processors and of the GPUs' memory.

No share of a model depends on when it is loaded: a service with the same ``inference.yml`` runs it
with the same number of threads, reloaded or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from grps.backends.common.device import parse_device
from grps.backends.engine import Engine
from grps.backends.environment import suggest_threads
from grps.backends.table import ENGINES
from grps.config.schema import GpuConfig, ModelConfig
from grps.errors import DeviceError
from grps.machine import usable_cpus


def give_shares(
    config: ModelConfig, models: Sequence[ModelConfig], gpu: GpuConfig | None
) -> ModelConfig:
    """Return a model's configuration with what it gets, where its own arguments do not say.

    Args:
        config: The model.
        models: All models of the service.
        gpu: The section ``gpu`` of ``server.yml``.
    """
    arguments = dict(config.inferer_args or {})
    engine = ENGINES.get(config.inferer_type)
    if engine is None:
        return config
    if engine.threads == "per_run":
        _add(arguments, "intra_op_threads", threads_of_a_run(models))
    if engine.threads == "per_process":
        suggest_threads(engine.name, threads_of_a_run(models))
    if gpu is not None and gpu.mem_manager_type == engine.name and _on_gpu(config):
        _add_gpu_memory(arguments, engine, models, gpu)
    return msgspec.structs.replace(config, inferer_args=arguments or None)


def _add_gpu_memory(
    arguments: dict[str, Any], engine: Engine, models: Sequence[ModelConfig], gpu: GpuConfig
) -> None:
    """Add what limits the memory of one copy, where each copy of the engine has its own limit."""
    memory = engine.gpu_memory
    if memory is None:
        return
    if gpu.limits_memory and memory.limit_argument is not None:
        share = _part(gpu, _copies_on_gpus(engine.name, models))
        _add(arguments, memory.limit_argument, share)
    if gpu.mem_gc_enable and memory.collect_argument is not None:
        _add(arguments, memory.collect_argument, gpu.gc_interval_s)


def threads_of_a_run(models: Sequence[ModelConfig]) -> int:
    """Return the CPU threads that one run may keep busy while all runs are in progress at once."""
    runs = sum(_runs_on_cpu(model) for model in models)
    # All runs of an engine whose threads belong to the process count as one.
    runs += len(
        {
            model.inferer_type
            for model in models
            if _threads_of(model) == "per_process" and not _on_gpu(model)
        }
    )
    return max(1, usable_cpus() // max(1, runs))


def gpu_of_a_process(models: Sequence[ModelConfig], gpu: GpuConfig | None) -> GpuConfig | None:
    """Return the section ``gpu`` with the share of one of the processes that use the memory."""
    if gpu is None or not gpu.limits_memory:
        return gpu
    here = any(model.isolation == "thread" and _on_gpu(model) for model in models)
    workers = sum(
        model.copies for model in models if model.isolation == "process" and _on_gpu(model)
    )
    return msgspec.structs.replace(gpu, mem_limit_mib=_part(gpu, workers + here))


def _add(arguments: dict[str, Any], key: str, share: int) -> None:
    if arguments.get(key) is None:
        arguments[key] = share


def _part(gpu: GpuConfig, parts: int) -> int:
    return max(1, (gpu.mem_limit_mib or 1) // max(1, parts))


def _copies_on_gpus(engine: str, models: Sequence[ModelConfig]) -> int:
    """Return how many copies of an engine's models share the GPU that has most of them."""
    shared = [model for model in models if model.inferer_type == engine and _on_gpu(model)]
    places: dict[str, int] = {}
    for model in shared:
        for index in range(model.copies):
            place = str(parse_device(model.for_copy(index).device, model.inp_device).place)
            places[place] = places.get(place, 0) + 1
    return max(places.values(), default=1)


def _runs_on_cpu(config: ModelConfig) -> int:
    if _threads_of(config) != "per_run":
        return 0
    streams = (config.inferer_args or {}).get("streams") or 1
    shares = ENGINES[config.inferer_type].streams_on_cpu and isinstance(streams, int)
    each = streams if shares else 1
    return each * config.instances * sum(kind not in ("cuda", "npu") for kind in _kinds(config))


def _threads_of(config: ModelConfig) -> str | None:
    engine = ENGINES.get(config.inferer_type)
    return None if engine is None else engine.threads


def _on_gpu(config: ModelConfig) -> bool:
    return "cuda" in _kinds(config)


def _kinds(config: ModelConfig) -> list[str]:
    """Return what kind of device each of a model's devices is."""
    try:
        return [parse_device(device, config.inp_device).place.kind for device in config.devices]
    except DeviceError:
        # The engine will say so when it loads the model.
        return ["cpu"]
