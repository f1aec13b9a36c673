"""The table of engines. To add an engine, add its package and its name here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from grps.backends.engine import Engine

_NAMES = (
    "torch",
    "onnxruntime",
    "tensorflow",
    "tensorrt",
    "openvino",
    "openvino_genai",
    "decoder",
    "llamacpp",
    "vllm",
    "tensorrt_llm",
    "sklearn",
    "xgboost",
    "lightgbm",
)
"""Packages in this folder, in the order of lists for users."""

ENGINES: Mapping[str, Engine] = MappingProxyType(
    {name: import_module(f"grps.backends.{name}.declaration").ENGINE for name in _NAMES}
)
"""Engines by ``inferer_type``."""
