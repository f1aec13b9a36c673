"""Engines in native code: which models they run, and what a copy is loaded by."""

from __future__ import annotations

import json
from pathlib import Path

from grps.backends.formats import expect_format
from grps.backends.libraries import LIBRARIES
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from grps.machine import usable_cpus
from grps.server.native import NativeFile

PASSING = (None, "none", "numpy")
"""Converters that pass tensors unchanged, as an engine's own does."""


def runs_natively(config: ModelConfig) -> bool:
    """Return whether a model asks for its engine in native code."""
    return config.inferer_type in LIBRARIES and (config.inferer_args or {}).get("native") is True


def model_file(config: ModelConfig, folder: Path) -> NativeFile:
    """Return what a copy of a model is loaded by.

    Args:
        config: The configuration of the copy.
        folder: The project, which relative paths start from.

    Raises:
        ModelError: It needs something that native code has not, or its file is not the engine's.
    """
    for key, is_given, advice in (
        (
            "converter_type",
            config.converter_type not in (*PASSING, ENGINES[config.inferer_type].converter),
            "use converter_type numpy",
        ),
        ("isolation", config.isolation == "process", "use isolation thread"),
        ("max_threads", config.max_threads is not None, "use instances"),
        ("warm_up_requests", bool(config.warm_up_requests), "leave it out"),
    ):
        if is_given:
            raise ModelError(
                f"model {config.key}: {key} is not possible with inferer_args.native; {advice}, "
                "or native: false"
            )
    path = folder / (config.inferer_path or "")
    expect_format(path, config.inferer_type)
    batching = config.batching
    is_joined = batching is not None and batching.type == "dynamic"
    return NativeFile(
        key=config.key,
        path=path,
        device=config.device or "",
        args=json.dumps(config.inferer_args or {}, ensure_ascii=False, default=str),
        processors=usable_cpus(),
        warm_up=config.warm_up,
        joined=(batching.max_batch_size, sorted(set(batching.allowed_sizes)))
        if batching is not None and is_joined
        else None,
    )
