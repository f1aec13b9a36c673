"""Engines in native code: which models they run, and what a copy is loaded by."""

from __future__ import annotations

import json
from pathlib import Path

from grps.backends.backend import Signature
from grps.backends.formats import expect_format
from grps.backends.libraries import onnxruntime_library
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from grps.machine import usable_cpus
from grps.server.loading.signatures import signature_of
from grps.server.native import NativeFile, OnnxCopy

ENGINE = "onnxruntime"
"""The engine that there is in native code."""
PASSING = (None, "none", "numpy")
"""Converters that pass tensors unchanged."""


def runs_natively(config: ModelConfig) -> bool:
    """Return whether a model asks for its engine in native code."""
    return config.inferer_type == ENGINE and (config.inferer_args or {}).get("native") is True


def load_engine(config: ModelConfig, folder: Path) -> OnnxCopy:
    """Load a copy of a model by its engine and run it once.

    Args:
        config: The configuration of the copy.
        folder: The project, which relative paths start from.

    Raises:
        ModelError: It can't be loaded, or needs something that native code has not.
    """
    try:
        return OnnxCopy(onnxruntime_library(), model_file(config, folder))
    except ValueError as error:
        raise ModelError(f"model {config.key}: {error}") from error


def engine_signature(copy: OnnxCopy) -> Signature:
    """Return the inputs and outputs of a loaded copy."""
    return signature_of(copy.inputs, copy.outputs, "cpu")


def model_file(config: ModelConfig, folder: Path) -> NativeFile:
    """Return what a copy of a model is loaded by.

    Args:
        config: The configuration of the copy.
        folder: The project, which relative paths start from.

    Raises:
        ModelError: It needs something that native code has not, or its file is no ONNX model.
    """
    for key, is_given, advice in (
        ("converter_type", config.converter_type not in PASSING, "use converter_type numpy"),
        ("max_threads", config.max_threads is not None, "use instances"),
        ("warm_up_requests", bool(config.warm_up_requests), "leave it out"),
    ):
        if is_given:
            raise ModelError(
                f"model {config.key}: {key} is not possible with inferer_args.native; {advice}, "
                "or native: false"
            )
    path = folder / (config.inferer_path or "")
    expect_format(path, ENGINE)
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
