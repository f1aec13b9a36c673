"""The shares that the models of a service get of its processors and of the GPUs' memory.

No share of a model depends on when it is loaded: a service with the same ``inference.yml`` runs it
with the same number of threads, reloaded or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from grps.backends.common.device import parse_device
from grps.backends.environment import suggest_tensorflow_threads
from grps.config.schema import GpuConfig, ModelConfig
from grps.errors import DeviceError
from grps.machine import usable_cpus

DIVIDED = ("torch", "onnxruntime", "openvino", "xgboost", "lightgbm")
"""Engines whose runs each have threads of their own, so that more runs need more threads.

TensorFlow's threads belong to the process and are shared by all its runs, which count as one;
scikit-learn runs in the thread that asks, but for models that say otherwise themselves.
"""
STREAMING = ("openvino",)
"""Engines of which one copy runs several requests at once on the CPU."""


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
    if config.inferer_type in DIVIDED:
        _add(arguments, "intra_op_threads", threads_of_a_run(models))
    if config.inferer_type == "onnxruntime" and gpu is not None and _on_gpu(config):
        if gpu.limits_memory and gpu.mem_manager_type == "onnxruntime":
            _add(arguments, "gpu_mem_limit_mib", _part(gpu, _copies_on_gpus(models)))
        if gpu.mem_gc_enable and gpu.mem_manager_type == "onnxruntime":
            _add(arguments, "arena_gc_interval_s", gpu.gc_interval_s)
    if config.inferer_type == "tensorflow":
        suggest_tensorflow_threads(threads_of_a_run(models))
    return msgspec.structs.replace(config, inferer_args=arguments or None)


def threads_of_a_run(models: Sequence[ModelConfig]) -> int:
    """Return the CPU threads that one run may keep busy while all runs are under way at once."""
    runs = sum(_runs_on_cpu(model) for model in models)
    runs += any(model.inferer_type == "tensorflow" and not _on_gpu(model) for model in models)
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


def _copies_on_gpus(models: Sequence[ModelConfig]) -> int:
    """Return how many copies of ONNX Runtime's models share the GPU that has most of them."""
    shared = [model for model in models if model.inferer_type == "onnxruntime" and _on_gpu(model)]
    places: dict[str, int] = {}
    for model in shared:
        for index in range(model.copies):
            place = str(parse_device(model.for_copy(index).device, model.inp_device).place)
            places[place] = places.get(place, 0) + 1
    return max(places.values(), default=1)


def _runs_on_cpu(config: ModelConfig) -> int:
    if config.inferer_type not in DIVIDED:
        return 0
    streams = (config.inferer_args or {}).get("streams") or 1
    each = streams if config.inferer_type in STREAMING and isinstance(streams, int) else 1
    return each * config.instances * sum(kind not in ("cuda", "npu") for kind in _kinds(config))


def _on_gpu(config: ModelConfig) -> bool:
    return "cuda" in _kinds(config)


def _kinds(config: ModelConfig) -> list[str]:
    """Return what kind of device each of a model's devices is."""
    try:
        return [parse_device(device, config.inp_device).place.kind for device in config.devices]
    except DeviceError:
        # The engine will say so when it loads the model.
        return ["cpu"]
