"""Loading of models by the engines that their ``inferer_type`` names."""

from __future__ import annotations

import importlib
from typing import Any

from grps.backends.backend import Backend
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.errors import MissingExtraError, ModelError


def load_backend(model: ModelConfig) -> Backend:
    """Load one copy of ``model`` with the engine its ``inferer_type`` names.

    Only here is the engine's framework imported.

    Raises:
        MissingExtraError: The framework is not installed.
        DeviceError: The device is unknown or absent.
        ModelError: The model can't be loaded.
    """
    return load_copy(model)[0]


def load_copy(model: ModelConfig) -> list[Backend]:
    """Load one copy of ``model`` and return it once per run that may be in progress at once.

    Raises:
        GrpsError: As ``load_backend``.
    """
    engine = ENGINES[model.inferer_type]
    if not model.inferer_path:
        raise ModelError(f"model {model.key}: inferer_path is missing")
    adapter = import_adapter(model.inferer_type)
    try:
        copies: list[Backend] = (
            adapter.load_all(model) if engine.side_by_side else [adapter.load(model)]
        )
    except ModelError as error:
        raise type(error)(f"model {model.key}: {error}") from error
    return copies


def import_adapter(inferer_type: str) -> Any:
    """Import the adapter of an engine that this build has.

    Raises:
        MissingExtraError: The framework is not installed.
        ModelError: The framework is installed but can't be imported.
    """
    engine = ENGINES[inferer_type]
    try:
        return importlib.import_module(engine.module("backend"))
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in (engine.package, *engine.also_imports):
            raise
        raise MissingExtraError(missing, engine.extra, engine.requires) from error
    except ImportError as error:
        raise ModelError(f"{engine.package} is installed but broken: {error}") from error
