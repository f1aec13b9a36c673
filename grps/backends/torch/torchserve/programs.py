"""Loads the files that archives serialize a model to, beside TorchScript."""

from __future__ import annotations

import importlib
import os
import zipfile
from pathlib import Path
from typing import Any

import torch

SERIALIZED = ".pt, .pth and .ts (TorchScript), .onnx, .pt2 (torch.export, AOTInductor), .so"


def load_compiled(path: str, device: torch.device) -> Any:
    """Load a program of torch.export, or what AOTInductor compiled.

    Args:
        path: A file ``.pt2`` or ``.so``.
        device: Where it is to run; compiled code is on the kind of device it was compiled for.
    """
    # Compiled code trusts the shapes that it is given unless it is told to check them.
    os.environ.setdefault("AOTI_RUNTIME_CHECK_INPUTS", "1")
    if path.endswith(".so"):
        return _library(path, device)
    if _is_compiled(path):
        index = -1 if device.index is None else device.index
        return torch._inductor.aoti_load_package(path, device_index=index)
    return torch.export.load(path).module().to(device)


def load_onnx(path: str, *, on_gpu: bool) -> Any:
    """Return a session of ONNX Runtime.

    Raises:
        RuntimeError: It is not installed.
    """
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise RuntimeError(
            f"{Path(path).name} needs the package onnxruntime: pip install onnxruntime"
        ) from error
    providers = ["CUDAExecutionProvider"] if on_gpu else []
    return onnxruntime.InferenceSession(path, providers=[*providers, "CPUExecutionProvider"])


def _library(path: str, device: torch.device) -> Any:
    if device.type == "cuda":
        torch.cuda.set_device(device)
    export: Any = importlib.import_module("torch._export")
    return export.aot_load(path, device.type)


def _is_compiled(path: str) -> bool:
    with zipfile.ZipFile(path) as package:
        return any("data/aotinductor/" in name for name in package.namelist())
