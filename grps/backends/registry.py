"""The choice of a backend for a model."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from grps.backends.base import Backend
from grps.config.schema import ModelConfig
from grps.errors import MissingExtraError, ModelError


@dataclass(frozen=True, slots=True)
class _Engine:
    """Where an engine's adapter is and what must be installed for it."""

    module: str
    """Has ``load(model: ModelConfig) -> Backend`` and imports the framework at its top."""
    package: str
    extra: str


_ENGINES = {
    "onnxruntime": _Engine("grps.backends.onnxruntime_backend", "onnxruntime", "onnx"),
    "torch": _Engine("grps.backends.torch_backend", "torch", "torch"),
    "tensorflow": _Engine("grps.backends.tensorflow_backend", "tensorflow", "tensorflow"),
}


def load_backend(model: ModelConfig) -> Backend:
    """Load one copy of ``model`` with the engine its ``inferer_type`` names.

    Only here is the engine's framework imported.

    Raises:
        MissingExtraError: The framework is not installed.
        DeviceError: The device is unknown or absent.
        ModelError: There is no such backend, or the model can't be loaded.
    """
    engine = _ENGINES.get(model.inferer_type)
    if engine is None:
        raise ModelError(
            f"model {model.key}: this build has no backend for inferer_type "
            f"{model.inferer_type} yet; it has {', '.join(_ENGINES)}"
        )
    if not model.inferer_path:
        raise ModelError(f"model {model.key}: inferer_path is missing")
    adapter = _import(engine)
    try:
        backend: Backend = adapter.load(model)
    except ModelError as error:
        raise type(error)(f"model {model.key}: {error}") from error
    return backend


def _import(engine: _Engine) -> Any:
    try:
        return importlib.import_module(engine.module)
    except ModuleNotFoundError as error:
        if error.name != engine.package:
            raise
        raise MissingExtraError(engine.package, engine.extra) from error
    except ImportError as error:
        raise ModelError(f"{engine.package} is installed but broken: {error}") from error
