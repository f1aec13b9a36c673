"""The flags of the serve verbs and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import click

from grps.backends.gpu_memory import LIMITED
from grps.backends.table import ENGINES
from grps.cli.serving import flag_checks, start_options
from grps.cli.serving.engine_flags import ARGUMENTS, ENGINE_FLAGS, LOADING, options_of
from grps.cli.serving.model_argument import ModelArgument
from grps.converters.table import CONVERTERS
from grps.deploy.paths import DEFAULT_NAME

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeFlags:
    """Values of the flags, checked."""

    name: str
    interface_framework: str
    host: str
    port: tuple[int, ...]
    customized_predict_http_path: str | None
    device: str | None
    batching_type: str
    max_batch_size: int
    batch_timeout_us: int
    max_connections: int
    max_concurrency: int
    customized_op_paths: tuple[str, ...]
    log_dir: str
    log_backup_count: int
    timeout: float
    no_logging: bool
    instances: int
    intra_op_threads: int | None
    model_name: str | None
    model_version: str
    foreground: bool
    output_path: str | None
    inferer_args: dict[str, Any]
    converter: str | None
    converter_path: Path | None
    converter_args: dict[str, Any]
    gpu_devices_idx: tuple[int, ...]
    gpu_mem_limit_mib: int
    inp_device: str | None = None
    gpu_mem_gc_enable: bool = False
    gpu_mem_gc_interval: int = 60
    engine_arguments: Mapping[str, Any] = field(default_factory=dict)
    """Flags of single engines that are ``inferer_args`` of the same name."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> ServeFlags:
        """Sort the values of a command's flags."""
        own = {name: value for name, value in values.items() if name not in ARGUMENTS}
        arguments = {name: value for name, value in values.items() if name in ARGUMENTS}
        return cls(**own, engine_arguments=arguments)


_POSITIVE = click.IntRange(min=1)
_NOT_NEGATIVE = click.IntRange(min=0)

SERVICE_FLAGS = (
    click.option(
        "--name",
        default=DEFAULT_NAME,
        show_default=True,
        callback=flag_checks.service_name,
        help="Name of the service.",
    ),
    click.option(
        "--interface_framework",
        default="http+grpc",
        show_default=True,
        type=click.Choice(["http", "http+grpc", "http+brpc"]),
        help="Ports: http opens the first one only; every port speaks every protocol.",
    ),
    click.option(
        "--host",
        default="0.0.0.0",
        show_default=True,
        help="Address to listen on; 127.0.0.1 keeps the service to this machine.",
    ),
    click.option(
        "--port",
        default="7080,7081",
        show_default=True,
        callback=flag_checks.ports,
        help="HTTP port and RPC port.",
    ),
    click.option(
        "--customized_predict_http_path",
        default="",
        callback=flag_checks.route,
        help="A second route for predict, such as /v1/detect.",
    ),
    click.option(
        "--max_connections",
        type=_POSITIVE,
        default=1000,
        show_default=True,
        help="Open connections; more are refused.",
    ),
    click.option(
        "--max_concurrency",
        type=_POSITIVE,
        default=32,
        show_default=True,
        help="Requests that run at once; more wait.",
    ),
    click.option(
        "--log_dir",
        default="./logs",
        show_default=True,
        help="Where logs go; a relative path is inside the service folder.",
    ),
    click.option(
        "--log_backup_count",
        type=_NOT_NEGATIVE,
        default=7,
        show_default=True,
        help="Days of logs that are kept.",
    ),
    click.option(
        "--output_path",
        callback=flag_checks.no_output,
        help="Archive to write; refused, as the serve verbs write none.",
    ),
    start_options.TIMEOUT,
    start_options.NO_LOGGING,
    start_options.FOREGROUND,
)

MODEL = click.argument("model", metavar="MODEL", type=ModelArgument())
DEVICE = click.option(
    "--device",
    callback=flag_checks.device,
    help="cpu, cuda (= cuda:0), cuda:N, gpu, gpu:N, npu, or original (as exported); several, "
    "split by comma, have --instances each.  [default: cuda where there is a GPU, else cpu]",
)
INTRA_OP_THREADS = click.option(
    "--intra_op_threads",
    type=_POSITIVE,
    help="CPU threads of one run.  [default: the usable CPUs shared among the instances]",
)
OPERATORS = click.option(
    "--customized_op_paths",
    default="",
    callback=flag_checks.paths,
    help="Libraries of custom operators, split by comma.",
)
INFERER_ARGUMENTS = click.option(
    "--inferer_arg",
    "inferer_args",
    multiple=True,
    callback=flag_checks.arguments,
    metavar="KEY=VALUE",
    help="An argument of the engine, such as graph_optimization_level=basic; may be repeated.",
)

MODEL_FLAGS = (
    click.option(
        "--model_name",
        callback=flag_checks.plain_name,
        help="Name of the model.  [default: file name]",
    ),
    click.option(
        "--model_version",
        default="1.0.0",
        show_default=True,
        callback=flag_checks.plain_name,
        help="Version of the model.",
    ),
    DEVICE,
    click.option(
        "--instances",
        type=click.IntRange(1, 64),
        default=1,
        show_default=True,
        help="Loaded copies of the model that run side by side, on each device.",
    ),
    INTRA_OP_THREADS,
    click.option(
        "--batching_type",
        type=click.Choice(["none", "dynamic", "auto"]),
        default="none",
        show_default=True,
        help="dynamic runs requests that wait together; auto chooses how many while it runs.",
    ),
    click.option(
        "--max_batch_size",
        type=_POSITIVE,
        default=16,
        show_default=True,
        help="dynamic, auto: most rows of such a run.",
    ),
    click.option(
        "--batch_timeout_us",
        type=_NOT_NEGATIVE,
        default=1000,
        show_default=True,
        help="dynamic: longest wait for a batch to fill, in microseconds; only with 'wait: always' "
        "in the inference.yml of the service, by default no request waits.",
    ),
    OPERATORS,
    INFERER_ARGUMENTS,
    click.option(
        "--gpu_devices_idx",
        default="0",
        show_default=True,
        callback=flag_checks.indices,
        help="GPUs that are watched and whose memory is limited, split by comma.",
    ),
    click.option(
        "--gpu_mem_limit_mib",
        type=int,
        default=-1,
        show_default=True,
        callback=flag_checks.limit,
        help=f"Memory to take of each GPU in MiB, -1 is no limit ({', '.join(LIMITED)}).",
    ),
)

CONVERTER_FLAGS = (
    click.option(
        "--converter",
        type=click.Choice(list(CONVERTERS)),
        help="Take files or text instead of tensors, or answer with labels, without code.",
    ),
    click.option(
        "--converter_path",
        type=click.Path(exists=True, path_type=Path),
        help="File of the converter: the tokenizer.json of --converter text.",
    ),
    click.option(
        "--converter_arg",
        "converter_args",
        multiple=True,
        callback=flag_checks.arguments,
        metavar="KEY=VALUE",
        help="An argument of the converter, such as labels=names.txt; may be repeated.",
    ),
)


def inspect_flags(function: Decorated) -> Decorated:
    """Give a command the model argument and the flags that say how a model is loaded."""
    engine = click.option(
        "--engine",
        type=click.Choice(list(ENGINES)),
        help="Load it with this engine.  [default: that of the format]",
    )
    own = [DEVICE, INTRA_OP_THREADS, OPERATORS, INFERER_ARGUMENTS, *CONVERTER_FLAGS]
    loading = [ENGINE_FLAGS[name].option for name in LOADING]
    for flag in reversed([engine, *own, *loading]):
        function = flag(function)
    model = ModelArgument(takes_projects=True)
    return click.argument("model", metavar="MODEL", type=model)(function)


def profile_flags(function: Decorated) -> Decorated:
    """Give a command the model argument and the flags that say how a profiled model is loaded."""
    profiled = [name for name, engine in ENGINES.items() if engine.profiles]
    engine = click.option(
        "--engine",
        type=click.Choice(profiled),
        help="Load it with this engine.  [default: that of the format]",
    )
    device = click.option(
        "--device",
        callback=flag_checks.device,
        help="cpu, or original (as exported, for a model on the CPU).  [default: cpu]",
    )
    threads = click.option(
        "--intra_op_threads",
        type=_POSITIVE,
        help="CPU threads of one run.  [default: the usable CPUs]",
    )
    own = [device, threads, OPERATORS, INFERER_ARGUMENTS]
    loading = [
        ENGINE_FLAGS[name].option
        for name in LOADING
        if name not in _NOT_PROFILED and set(profiled) & set(ENGINE_FLAGS[name].engines)
    ]
    for flag in reversed([engine, *own, *loading]):
        function = flag(function)
    return MODEL(function)


_NOT_PROFILED = ("native", "streams")
"""Flags of models that run in other threads than that of the profile."""


def serve_flags(*engines: str) -> Callable[[Decorated], Decorated]:
    """Return the decorator that gives a command the model argument and all flags of some engines.

    Args:
        engines: The engines that the command serves; all when none is named.
    """

    def decorate(function: Decorated) -> Decorated:
        flags = [*SERVICE_FLAGS, *MODEL_FLAGS, *CONVERTER_FLAGS, *options_of(engines or ENGINES)]
        for flag in reversed(flags):
            function = flag(function)
        return MODEL(function)

    return decorate
