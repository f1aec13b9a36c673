"""The flags of the serve verbs that only some engines have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import click

from grps.backends.gpu_memory import LIMITED
from grps.cli.serving import flag_checks
from grps.config.schema import ConverterType, InfererType

Option = Callable[[Any], Any]
_POSITIVE = click.IntRange(min=1)


@dataclass(frozen=True, slots=True)
class Engine:
    """What the serve verbs know of an engine."""

    verb: str
    converter: ConverterType
    """The ``converter_type`` that passes tensors to it as they are."""


ENGINES: dict[InfererType, Engine] = {
    "torch": Engine("torch_serve", "torch"),
    "onnxruntime": Engine("onnx_serve", "numpy"),
    "tensorflow": Engine("tf_serve", "tensorflow"),
    "tensorrt": Engine("trt_serve", "tensorrt"),
    "openvino": Engine("openvino_serve", "numpy"),
    "sklearn": Engine("sklearn_serve", "numpy"),
    "xgboost": Engine("xgboost_serve", "numpy"),
    "lightgbm": Engine("lightgbm_serve", "numpy"),
}


@dataclass(frozen=True, slots=True)
class EngineFlag:
    """A flag and the engines that have it."""

    engines: tuple[InfererType, ...]
    option: Option


ENGINE_FLAGS: dict[str, EngineFlag] = {
    "inp_device": EngineFlag(
        ("torch",),
        click.option(
            "--inp_device",
            callback=flag_checks.device,
            help="Where inputs go; needed with --device original (torch only).",
        ),
    ),
    "gpu_mem_gc_enable": EngineFlag(
        ("torch", "onnxruntime"),
        click.option(
            "--gpu_mem_gc_enable",
            is_flag=True,
            help="Give unused GPU memory back now and then (torch, onnxruntime).",
        ),
    ),
    "gpu_mem_gc_interval": EngineFlag(
        ("torch", "onnxruntime"),
        click.option(
            "--gpu_mem_gc_interval",
            type=_POSITIVE,
            default=60,
            show_default=True,
            help="Seconds between two rounds of that (torch, onnxruntime).",
        ),
    ),
    "signature": EngineFlag(
        ("tensorflow",),
        click.option(
            "--signature",
            help="Signature to serve (tensorflow only).  "
            "[default: serving_default, or the only one]",
        ),
    ),
    "tags": EngineFlag(
        ("tensorflow",),
        click.option(
            "--tags",
            help="Tags of the graph, split by comma (tensorflow only).  [default: serve]",
        ),
    ),
    "streams": EngineFlag(
        ("tensorrt", "openvino"),
        click.option(
            "--streams",
            type=click.IntRange(1, 64),
            default=1,
            show_default=True,
            help="Runs of one loaded model that may be under way at once (tensorrt, openvino).",
        ),
    ),
    "trusted": EngineFlag(
        ("sklearn",),
        click.option(
            "--trusted",
            is_flag=True,
            help="The pickle comes from somebody you trust: loading it runs the code in it "
            "(sklearn only).",
        ),
    ),
}
"""By name; the order is that of the help."""

ARGUMENTS = ("signature", "tags", "streams", "trusted")
"""Flags that are ``inferer_args`` of the same name."""
GPU_FLAGS = ("gpu_devices_idx", "gpu_mem_limit_mib", "gpu_mem_gc_enable", "gpu_mem_gc_interval")


def options_of(engines: Iterable[InfererType]) -> list[Option]:
    """Return the options that at least one of ``engines`` has."""
    wanted = set(engines)
    return [flag.option for flag in ENGINE_FLAGS.values() if wanted & set(flag.engines)]


def refuse_flags_of_others(
    engine: InfererType, given: set[str], memory_limit_mib: int = -1
) -> None:
    """Refuse flags that the engine of a model does not have.

    Args:
        engine: The engine.
        given: Names of the flags that were given.
        memory_limit_mib: The limit of GPU memory, -1 for none.

    Raises:
        click.UsageError: One was given.
    """
    if memory_limit_mib > 0 and engine not in LIMITED:
        raise click.UsageError(
            f"--gpu_mem_limit_mib can't be kept for {engine} models, but for {', '.join(LIMITED)}"
        )
    for name, flag in ENGINE_FLAGS.items():
        if name in given and engine not in flag.engines:
            owners = " and ".join(flag.engines)
            raise click.UsageError(f"--{name} is for {owners} models; this is served by {engine}")
