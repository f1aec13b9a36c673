"""What the directory of an engine of TensorRT-LLM says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grps.backends.common.language.json_files import read_json
from grps.errors import ModelError


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltEngine:
    """What an engine was built for."""

    vocabulary: int
    context_length: int
    """Most tokens of a prompt and its answer."""
    most_prompt_tokens: int
    most_sequences: int
    """Most sequences at once."""


def built_engine(path: Path) -> BuiltEngine:
    """Read what an engine was built for.

    Args:
        path: Its directory, with ``config.json`` and ``rank0.engine``.

    Raises:
        ModelError: The directory has no engine, or one that needs several processes.
    """
    file = path / "config.json"
    config = read_json(file)
    model, build = config.get("pretrained_config"), config.get("build_config")
    if not isinstance(model, dict) or not isinstance(build, dict):
        raise ModelError(
            f"{file}: not that of an engine of TensorRT-LLM: pretrained_config or build_config is "
            "missing; build one by trtllm-build"
        )
    mapping = model.get("mapping")
    ranks = mapping.get("world_size", 1) if isinstance(mapping, dict) else 1
    if ranks != 1:
        raise ModelError(f"{file}: built for {ranks} GPUs; GRPS runs engines for one GPU")
    context_length = _count(file, build, "max_seq_len")
    return BuiltEngine(
        vocabulary=_count(file, model, "vocab_size"),
        context_length=context_length,
        most_prompt_tokens=min(_count(file, build, "max_input_len"), context_length),
        most_sequences=_count(file, build, "max_batch_size"),
    )


def _count(file: Path, section: Mapping[str, Any], key: str) -> int:
    value = section.get(key)
    if type(value) is not int or value < 1:
        raise ModelError(f"{file}: {key} is {value!r}, not a number of 1 or more")
    return value
