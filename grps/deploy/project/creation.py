"""Makes the folder of a new project from the templates."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grps.deploy.project.model_project import TEMPLATES
from grps.errors import DeployError


@dataclass(frozen=True, slots=True)
class ProjectType:
    """A kind of new projects."""

    summary: str
    layers: tuple[str, ...]
    """Its templates; files of a later one replace those of an earlier one."""
    is_cpp: bool = True
    engine: str | None = None
    """What ``your_engine`` stands for in the build: a component of CMake's package ``grps``."""


CPP = ("py/client", "cpp")
BUILD_FILE = "CMakeLists.txt"


def _with_engine(summary: str, template: str, engine: str) -> ProjectType:
    return ProjectType(summary, (*CPP, "cpp_engine", template), engine=engine)


PROJECT_TYPES = {
    "py": ProjectType("converter and inferer in Python", ("py",), is_cpp=False),
    "cpp": ProjectType("inferer in C++", CPP),
    "cpp_onnx": _with_engine("the same with ONNX Runtime", "cpp_onnx", "onnxruntime"),
    "cpp_torch": _with_engine("with libtorch", "cpp_torch", "torch"),
    "cpp_tf": _with_engine("with TensorFlow", "cpp_tf", "tensorflow"),
    "cpp_openvino": _with_engine("with OpenVINO", "cpp_openvino", "openvino"),
    "cpp_trt": ProjectType(
        "with TensorRT", (*CPP, "cpp_engine", "cpp_onnx/data", "cpp_trt"), engine="tensorrt"
    ),
}
"""Kinds of projects by their name."""
HIDDEN = ("gitkeep", "gitignore", "clang-format")
"""Files whose names begin with a dot in a project, but not here: packages leave such files out."""


def create_project(target: Path, project_type: str = "py") -> list[str]:
    """Write a new project that works as it is.

    Args:
        target: The folder to make; it may exist when it is empty.
        project_type: One of ``PROJECT_TYPES``.

    Returns:
        The written files, relative to the target.

    Raises:
        DeployError: The target is a file or holds something.
    """
    if target.is_dir():
        if first := next(target.iterdir(), None):
            raise DeployError(f"{target} is not empty (it holds {first.name}); choose a new folder")
    elif target.exists() or target.is_symlink():
        raise DeployError(f"{target} is not a folder")
    files: dict[str, Path] = {}
    kind = PROJECT_TYPES[project_type]
    for layer in kind.layers:
        files.update(_files(layer))
    for relative, source in files.items():
        (target / relative).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target / relative)
    if kind.engine is not None:
        build = target / BUILD_FILE
        text = build.read_text("utf-8").replace("your_engine", kind.engine)
        build.write_text(text.replace("YOUR_ENGINE", kind.engine.upper()), "utf-8")
    return sorted(files)


def _files(layer: str) -> Iterator[tuple[str, Path]]:
    """Yield the files of a template: ``py/client`` is the folder ``client`` of ``py``."""
    template, _, below = layer.partition("/")
    root = TEMPLATES / template
    for source in sorted((root / below).rglob("*")):
        if not source.is_file() or "__pycache__" in source.parts:
            continue
        relative = source.relative_to(root)
        if source.name in HIDDEN:
            relative = relative.with_name(f".{source.name}")
        yield str(relative), source
