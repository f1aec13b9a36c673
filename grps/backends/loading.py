"""The choice of a backend for a model."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from grps.backends.backend import Backend
from grps.config.schema import ModelConfig
from grps.errors import MissingExtraError, ModelError


@dataclass(frozen=True, slots=True)
class _Engine:
    """Where an engine's adapter is and what must be installed for it."""

    module: str
    """Has ``load(model: ModelConfig) -> Backend`` and imports the framework at its top."""
    package: str
    extra: str
    needs: str = ""
    """What else must be there, for who has not installed it."""
    also: tuple[str, ...] = ()
    """Other packages of the extra."""
    side_by_side: bool = False
    """Whether it also has ``load_all(model: ModelConfig) -> list[Backend]``."""


_ENGINES = {
    "onnxruntime": _Engine("grps.backends.onnxruntime.backend", "onnxruntime", "onnx"),
    "torch": _Engine("grps.backends.torch.backend", "torch", "torch"),
    "tensorflow": _Engine("grps.backends.tensorflow.backend", "tensorflow", "tensorflow"),
    "tensorrt": _Engine(
        "grps.backends.tensorrt.backend",
        "tensorrt",
        "tensorrt",
        needs="an NVIDIA GPU with its driver, and the TensorRT version that built the engine",
        side_by_side=True,
    ),
    "openvino": _Engine(
        "grps.backends.openvino.backend", "openvino", "openvino", side_by_side=True
    ),
    "sklearn": _Engine("grps.backends.sklearn.backend", "sklearn", "sklearn", also=("joblib",)),
    "xgboost": _Engine("grps.backends.xgboost.backend", "xgboost", "xgboost"),
    "lightgbm": _Engine("grps.backends.lightgbm.backend", "lightgbm", "lightgbm"),
}


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
    """Load one copy of ``model`` and return it once per run that may be under way at once.

    Raises:
        GrpsError: As ``load_backend``.
    """
    engine = _ENGINES[model.inferer_type]
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


def package_of(inferer_type: str) -> str:
    """Return the module that an engine is imported by."""
    return _ENGINES[inferer_type].package


def extra_of(inferer_type: str) -> str:
    """Return the extra of ``grpst`` that brings an engine."""
    return _ENGINES[inferer_type].extra


def import_adapter(inferer_type: str) -> Any:
    """Import the adapter of an engine that this build has.

    Raises:
        MissingExtraError: The framework is not installed.
        ModelError: The framework is installed but can't be imported.
    """
    engine = _ENGINES[inferer_type]
    try:
        return importlib.import_module(engine.module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in (engine.package, *engine.also):
            raise
        missing = error.name.split(".")[0]
        raise MissingExtraError(missing, engine.extra, engine.needs) from error
    except ImportError as error:
        raise ModelError(f"{engine.package} is installed but broken: {error}") from error
