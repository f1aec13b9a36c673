"""Engines in native code: which models they run, and what a copy is loaded by."""

from __future__ import annotations

import json
from pathlib import Path

from grps.backends.backend import Signature
from grps.backends.common.device import parse_device
from grps.backends.environment import prepare_environment
from grps.backends.formats import expect_format, reads_text
from grps.backends.libraries import LIBRARIES, native_library
from grps.backends.shims.build import OnBuild
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from grps.machine import usable_cpus
from grps.server.loading.signatures import signature_of
from grps.server.native import LoadedCopy, NativeFile

PASSING = (None, "none", "numpy")
"""Converters that pass tensors unchanged, as an engine's own does."""
TEXT_MODELS = "text models (embeddings and rankings) run in Python only"
ON_THE_CPU = (None, "cpu", "original")


def runs_natively(config: ModelConfig) -> bool:
    """Return whether a model asks for its engine in native code."""
    return config.inferer_type in LIBRARIES and (config.inferer_args or {}).get("native") is True


def place_of(config: ModelConfig) -> str:
    """Return where a copy of a model runs, such as ``cuda:0``."""
    if ENGINES[config.inferer_type].runs_on_cpu:
        return "cpu"
    return f"cuda:{parse_device(config.device).place.index}"


def load_engine(config: ModelConfig, folder: Path, on_build: OnBuild) -> LoadedCopy:
    """Load a copy of a model by its engine and run it once.

    Args:
        config: The configuration of the copy.
        folder: The project, which relative paths start from.
        on_build: Receives a line if the engine's library has to be built.

    Raises:
        ModelError: It can't be loaded, or needs something that native code has not.
    """
    engine, file = config.inferer_type, model_file(config, folder)
    prepare_environment()
    try:
        return LoadedCopy(engine, native_library(engine, on_build), file)
    except ValueError as error:
        raise ModelError(f"model {config.key}: {error}") from error


def engine_signature(config: ModelConfig, copy: LoadedCopy) -> Signature:
    """Return the inputs and outputs of a loaded copy of a model."""
    return signature_of(
        copy.inputs, copy.outputs, place_of(config), copy.required, has_names=copy.has_names
    )


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
        ("inp_device", config.inp_device not in ON_THE_CPU, "leave it out"),
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
    if reads_text(path):
        raise ModelError(f"model {config.key}: {TEXT_MODELS}; leave out 'native'")
    batching = config.batching
    return NativeFile(
        key=config.key,
        path=path,
        device=config.device or "",
        args=json.dumps(config.inferer_args or {}, ensure_ascii=False, default=str),
        processors=usable_cpus(),
        warm_up=config.warm_up,
        joined=(batching.max_batch_size, sorted(set(batching.allowed_sizes)))
        if batching is not None and config.joins_requests
        else None,
    )
