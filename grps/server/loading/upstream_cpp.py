"""Projects that are written for upstream's C++ edition: which they are, and what runs their models.

Their library is a plugin with one class, whose arguments are the model's own lines: it makes the
pair of converter and inferer that these name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from grps.config.schema import ModelConfig

TARGET = "grps-server-customized"
"""The library that such a project makes, by its name in CMake."""
LIBRARY = f"lib/lib{TARGET}.so"
"""Where it is in an archive."""
CLASS = "grps_framework"
"""The class of inferers that it has."""
BUILD_FILES = ("CMakeLists.txt", "src/CMakeLists.txt")


def is_upstream_cpp(folder: Path) -> bool:
    """Return whether a project is one for upstream's C++ edition.

    Args:
        folder: The project.
    """
    if not (folder / BUILD_FILES[0]).is_file():
        return False
    files = (folder / name for name in BUILD_FILES)
    return any(TARGET.encode() in file.read_bytes() for file in files if file.is_file())


def hosted(model: ModelConfig, max_concurrency: int) -> ModelConfig:
    """Return what runs a model of such a project: its library, if the model has code of its own.

    One model object serves all requests, many at a time, as upstream has it; each thread is an
    instance. With dynamic batching the threads are those that ``instances`` asks for: more of them
    would divide the requests that wait among more batches. With ``isolation: process``, each
    instance is a process with a model object of its own.

    Args:
        model: The model as ``inference.yml`` has it.
        max_concurrency: Most requests that run at once.
    """
    if "customized" not in (model.inferer_type, model.converter_type):
        return model
    is_counted = model.joins_requests or model.isolation == "process"
    return msgspec.structs.replace(
        model,
        inferer_type="plugin",
        inferer_name=CLASS,
        inferer_path=LIBRARY,
        inferer_args=_pair(model),
        converter_type=None,
        converter_name=None,
        converter_path=None,
        converter_args=None,
        device=None,
        inp_device=None,
        max_threads=None,
        instances=model.instances if is_counted else model.max_threads or max_concurrency,
    )


def _pair(model: ModelConfig) -> dict[str, Any]:
    """Return the lines of ``inference.yml`` that say what the model is made of."""
    return {
        "name": model.name,
        "version": model.version,
        "device": model.device,
        "inp_device": model.inp_device,
        "inferer_type": model.inferer_type,
        "inferer_name": model.inferer_name,
        "inferer_path": model.inferer_path,
        "inferer_args": model.inferer_args,
        "converter_type": model.converter_type,
        "converter_name": model.converter_name,
        "converter_path": model.converter_path,
        "converter_args": model.converter_args,
        "batching": {"type": "dynamic" if model.joins_requests else "none"},
    }
