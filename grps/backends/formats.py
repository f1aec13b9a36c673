"""Model formats, told by content first and by suffix where the content can't tell.

Nothing is unpickled or executed to recognise a file.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Literal

from grps.backends.common.foreign_formats import LEGACY_TORCH, foreign_format
from grps.errors import ModelError

ModelFormat = Literal[
    "torchscript",
    "torch_export",
    "aotinductor",
    "onnx",
    "savedmodel",
    "tensorrt",
    "openvino",
    "sklearn",
    "xgboost",
    "lightgbm",
]

INFERER_TYPES: dict[ModelFormat, str] = {
    "torchscript": "torch",
    "torch_export": "torch",
    "aotinductor": "torch",
    "onnx": "onnxruntime",
    "savedmodel": "tensorflow",
    "tensorrt": "tensorrt",
    "openvino": "openvino",
    "sklearn": "sklearn",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
}
"""The ``inferer_type`` that serves each format."""

ALSO_SERVED: dict[str, tuple[ModelFormat, ...]] = {"openvino": ("onnx",)}
"""Formats that an ``inferer_type`` serves besides its own, when it is asked for by name."""

ACCEPTED = (
    "TorchScript, torch.export (.pt2), AOTInductor (.pt2), ONNX, TensorFlow SavedModel, "
    "TensorRT, OpenVINO, XGBoost and LightGBM models, and pickled estimators of scikit-learn"
)
"""What a model file may be, in words."""

_HEAD_BYTES = 4096
_SAVED_MODEL = frozenset({"saved_model.pb", "saved_model.pbtxt"})
_ONNX_TAGS = frozenset(b"\x08\x12\x1a\x22\x28\x32\x3a\x42\x72\xa2\xca")
"""First bytes of the fields of ONNX's ModelProto."""
_LEARNER_WITHIN = 64
_ONNX_IR_VERSION_TAG = 0x08
_ONNX_HEAD_BYTES = 3
_MAX_IR_VERSION = 64
_TENSORRT_MAGIC = (b"ftrt", b"ptrt")
_PICKLES = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
_PICKLE_SUFFIXES = frozenset({".joblib", ".pkl", ".pickle"})
"""Endings of pickles, which joblib may have compressed."""
_TENSORRT_SUFFIXES = frozenset({".engine", ".plan", ".trt"})


def recognise(path: Path) -> ModelFormat:
    """Tell the format of the model at ``path``, a file or a directory.

    Raises:
        ModelError: There is no model; the text says what is there and what is accepted.
    """
    try:
        if path.is_dir():
            return _in_directory(path)
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such file or directory") from error
    except OSError as error:
        raise ModelError(f"{path}: can't be read: {error.strerror}") from error
    if not head:
        raise ModelError(f"{path}: the file is empty")
    if path.name in _SAVED_MODEL:
        raise ModelError(f"{path}: a part of a SavedModel; give its directory: {path.parent}")
    if head.startswith(b"PK\x03\x04"):
        return _in_zip(path)
    found = _by_head(head, path.suffix.lower())
    if found is None:
        raise ModelError(f"{path}: {foreign_format(head)}; accepted: {ACCEPTED}")
    return found


def expect_format(path: Path, inferer_type: str) -> ModelFormat:
    """Tell the format of the model at ``path`` and check that ``inferer_type`` serves it.

    Raises:
        ModelError: There is no model at ``path``, or it is one for another ``inferer_type``.
    """
    found = recognise(path)
    if not is_served_by(found, inferer_type):
        raise ModelError(
            f"{path}: this is a model for inferer_type: {INFERER_TYPES[found]} ({found}), "
            f"not {inferer_type}"
        )
    return found


def is_served_by(found: ModelFormat, inferer_type: str) -> bool:
    """Tell whether ``inferer_type`` serves models of a format."""
    return INFERER_TYPES[found] == inferer_type or found in ALSO_SERVED.get(inferer_type, ())


def only_file(path: Path, suffix: str) -> Path:
    """Return ``path``, or the one file with ``suffix`` in it when it is a directory.

    Raises:
        ModelError: The directory holds none or several such files.
    """
    if not path.is_dir():
        return path
    found = sorted(file for file in path.iterdir() if file.suffix.lower() == suffix)
    if len(found) == 1:
        return found[0]
    names = ", ".join(file.name for file in found) or "none"
    raise ModelError(f"{path}: expected exactly one {suffix} file, found {names}")


def _in_directory(path: Path) -> ModelFormat:
    names = [entry.name for entry in path.iterdir()]
    if _SAVED_MODEL & set(names):
        return "savedmodel"
    suffixes = [Path(name).suffix.lower() for name in names]
    if ".onnx" in suffixes:
        only_file(path, ".onnx")
        return "onnx"
    if ".xml" in suffixes and ".bin" in suffixes:
        only_file(path, ".xml")
        return "openvino"
    if not names:
        raise ModelError(f"{path}: the directory is empty")
    if version := _newest_version(path, names):
        raise ModelError(f"{path}: a directory of versions of a SavedModel; give one: {version}")
    raise ModelError(
        f"{path}: a directory with no saved_model.pb and no .onnx file in it; give the path "
        f"of the model file (accepted: {ACCEPTED})"
    )


def _newest_version(path: Path, names: list[str]) -> Path | None:
    """Return the highest of numbered SavedModels, which TensorFlow Serving keeps side by side."""
    numbers = sorted(int(name) for name in names if name.isascii() and name.isdigit())
    versions = [path / str(number) for number in numbers]
    found = [version for version in versions if (version / "saved_model.pb").is_file()]
    return found[-1] if found else None


def _in_zip(path: Path) -> ModelFormat:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ModelError(
            f"{path}: a zip archive cut short or damaged ({error}); copy the file again"
        ) from error
    # PyTorch puts everything under one root directory named after the file; older
    # torch.export archives have none.
    parts = [name.split("/") for name in names]
    inner = {"/".join(part[1:]) for part in parts if len(part) > 1} | set(names)
    if any("data/aotinductor/" in name for name in names):
        return "aotinductor"
    if "serialized_exported_program.json" in inner or any(
        name.startswith("models/") and name.endswith(".json") for name in inner
    ):
        return "torch_export"
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        return "torchscript"
    raise ModelError(f"{path}: {_foreign_zip(inner)}")


def _foreign_zip(names: set[str]) -> str:
    if "data.pkl" in names:
        return (
            "a checkpoint of torch.save: it holds weights without the code that runs them; "
            "export the model with torch.export.save, or torch.jit.trace(...).save"
        )
    if "model.weights.h5" in names:
        return "a Keras archive; export it with model.export(...) as a TensorFlow SavedModel"
    if "MAR-INF/MANIFEST.json" in names:
        return "a TorchServe archive; unzip it and give the model file inside"
    return f"a zip archive that holds no model; accepted: {ACCEPTED}"


def _by_head(head: bytes, suffix: str) -> ModelFormat | None:
    if head.startswith(_TENSORRT_MAGIC) or suffix in _TENSORRT_SUFFIXES:
        return "tensorrt"
    if b"<net " in head and head.lstrip().startswith((b"<?xml", b"<net ")):
        return "openvino"
    if head.startswith(b"{") and b"learner" in head[:_LEARNER_WITHIN]:
        return "xgboost"
    if head.startswith((b"tree\nversion=", b"tree\r\nversion=")):
        return "lightgbm"
    if is_pickle(head) or suffix in _PICKLE_SUFFIXES:
        return "sklearn"
    return "onnx" if _looks_like_onnx(head, suffix) else None


def is_pickle(head: bytes) -> bool:
    """Tell whether a file that begins with ``head`` is a pickle of anything but weights."""
    return head.startswith(_PICKLES) and not head.startswith(LEGACY_TORCH)


def _looks_like_onnx(head: bytes, suffix: str) -> bool:
    if suffix == ".ort" or head[4:8] == b"ORTM":
        return head[4:8] == b"ORTM"
    if suffix == ".onnx":
        return head[0] in _ONNX_TAGS
    # The exporters write ir_version first: field 1, a small number, then another field.
    return (
        len(head) >= _ONNX_HEAD_BYTES
        and head[0] == _ONNX_IR_VERSION_TAG
        and 0 < head[1] <= _MAX_IR_VERSION
        and head[2] in _ONNX_TAGS
    )
