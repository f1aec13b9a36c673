"""Tiny models of every format the backends read."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from onnx import TensorProto

from grps.backends.backend import Backend
from grps.backends.loading import load_backend
from grps.config.schema import ModelConfig
from tests.onnx_models import save_node
from tests.unit.backends.models import Load, SaveOnnx, SaveScript


@pytest.fixture
def load() -> Load:
    """Load a model file with given keys of its configuration."""

    def load_path(path: Path, inferer_type: Any = "torch", **keys: Any) -> Backend:
        keys.setdefault("device", "cpu")
        model = ModelConfig(
            name="m", version="1.0", inferer_type=inferer_type, inferer_path=str(path), **keys
        )
        return load_backend(model)

    return load_path


@pytest.fixture
def save_script(tmp_path: Path) -> SaveScript:
    """Script a module into a TorchScript file."""

    def save(module: torch.nn.Module) -> Path:
        path = tmp_path / "script.pt"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            torch.jit.save(torch.jit.script(module), str(path))
        return path

    return save


@pytest.fixture
def save_exported(tmp_path: Path) -> Callable[..., Path]:
    """Export a module into a torch.export file."""

    def save(module: torch.nn.Module, *args: Any, **options: Any) -> Path:
        path = tmp_path / "exported.pt2"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.export.save(torch.export.export(module, args, **options), path)
        return path

    return save


@pytest.fixture
def save_onnx(tmp_path: Path) -> SaveOnnx:
    """Write a one-node ONNX model; tensors are name, element type, shape."""

    def save(operator: str, inputs: list[Any], outputs: list[Any], **attributes: Any) -> Path:
        return save_node(tmp_path / "model.onnx", operator, inputs, outputs, **attributes)

    return save


@pytest.fixture
def identity(save_onnx: SaveOnnx) -> Callable[[int], Path]:
    """Write an ONNX identity over one element type."""

    def save(element: int) -> Path:
        return save_onnx("Identity", [("a", element, ["n"])], [("b", element, ["n"])])

    return save


@pytest.fixture
def relu(save_onnx: SaveOnnx) -> Path:
    """An ONNX model of fixed shape."""
    return save_onnx("Relu", [("a", TensorProto.FLOAT, [2, 3])], [("b", TensorProto.FLOAT, [2, 3])])
