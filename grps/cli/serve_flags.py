"""The flags of the serve verbs and what they mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from grps.cli import flag_checks
from grps.deploy.paths import DEFAULT_NAME

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

TORCH_ONLY = ("inp_device", "gpu_mem_gc_enable", "gpu_mem_gc_interval")
TENSORFLOW_ONLY = ("signature", "tags")
TENSORRT_ONLY = ("streams",)


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
    gpu_devices_idx: tuple[int, ...]
    gpu_mem_limit_mib: int
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
    inp_device: str | None = None
    gpu_mem_gc_enable: bool = False
    gpu_mem_gc_interval: int = 60
    signature: str | None = None
    tags: str | None = None
    streams: int = 1


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
        callback=flag_checks.framework,
        help="Protocols; http+brpc is not supported by this version.",
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
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=300,
        show_default=True,
        help="Seconds the service may take to become ready.",
    ),
    click.option("--no_logging", is_flag=True, help="Don't follow the log after the start."),
    click.option(
        "--foreground", "-f", is_flag=True, help="Run the server in this terminal; Ctrl-C stops it."
    ),
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
    click.option(
        "--device",
        callback=flag_checks.device,
        help="cpu, cuda (= cuda:0), cuda:N, gpu, gpu:N, or original (as exported).  "
        "[default: cuda where there is a GPU, else cpu]",
    ),
    click.option(
        "--instances",
        type=click.IntRange(1, 64),
        default=1,
        show_default=True,
        help="Loaded copies of the model that run side by side.",
    ),
    click.option(
        "--intra_op_threads",
        type=_POSITIVE,
        help="CPU threads of one run.  [default: the usable CPUs shared among the instances]",
    ),
    click.option(
        "--batching_type",
        type=click.Choice(["none", "dynamic"]),
        default="none",
        show_default=True,
        help="dynamic runs requests that wait together.",
    ),
    click.option(
        "--max_batch_size",
        type=_POSITIVE,
        default=16,
        show_default=True,
        help="Most rows of such a run.",
    ),
    click.option(
        "--batch_timeout_us",
        type=_NOT_NEGATIVE,
        default=1000,
        show_default=True,
        help="Longest wait for a batch to fill, in microseconds; no effect in this version.",
    ),
    click.option(
        "--customized_op_paths",
        default="",
        callback=flag_checks.paths,
        help="Libraries of custom operators, split by comma.",
    ),
    click.option(
        "--gpu_devices_idx",
        default="0",
        show_default=True,
        callback=flag_checks.indices,
        help="GPUs whose memory is limited, split by comma (torch and tensorflow).",
    ),
    click.option(
        "--gpu_mem_limit_mib",
        type=int,
        default=-1,
        show_default=True,
        callback=flag_checks.limit,
        help="Memory to take of each GPU in MiB, -1 is no limit (torch and tensorflow).",
    ),
)

TORCH_FLAGS = (
    click.option(
        "--inp_device",
        callback=flag_checks.device,
        help="Where inputs go; needed with --device original (torch only).",
    ),
    click.option(
        "--gpu_mem_gc_enable",
        is_flag=True,
        help="Give unused GPU memory back now and then (torch only).",
    ),
    click.option(
        "--gpu_mem_gc_interval",
        type=_POSITIVE,
        default=60,
        show_default=True,
        help="Seconds between two rounds of that (torch only).",
    ),
)

TENSORFLOW_FLAGS = (
    click.option(
        "--signature",
        help="Signature to serve (tensorflow only).  [default: serving_default, or the only one]",
    ),
    click.option(
        "--tags",
        help="Tags of the graph, split by comma (tensorflow only).  [default: serve]",
    ),
)


TENSORRT_FLAGS = (
    click.option(
        "--streams",
        type=click.IntRange(1, 64),
        default=1,
        show_default=True,
        help="Runs of one loaded engine that may be under way at once (TensorRT only).",
    ),
)


def serve_flags(
    *, torch: bool = False, tensorflow: bool = False, tensorrt: bool = False
) -> Callable[[Decorated], Decorated]:
    """Return the decorator that gives a command the model argument and all serve flags."""

    def decorate(function: Decorated) -> Decorated:
        flags = [*SERVICE_FLAGS, *MODEL_FLAGS]
        flags += TORCH_FLAGS if torch else ()
        flags += TENSORFLOW_FLAGS if tensorflow else ()
        flags += TENSORRT_FLAGS if tensorrt else ()
        for flag in reversed(flags):
            function = flag(function)
        model = click.Path(exists=True, readable=True, path_type=Path)
        return click.argument("model_path", metavar="MODEL", type=model)(function)

    return decorate
