"""Reads what a model archive of TorchServe says of itself: ``MAR-INF/MANIFEST.json``."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import msgspec

from grps.config.document import read_text
from grps.config.sections.base import NAME_PATTERN
from grps.deploy.archive.manifest import shown
from grps.deploy.archive.model_archive import MODEL_MANIFEST
from grps.errors import ArchiveError

MAX_BYTES = 1024 * 1024
RUNTIMES = ("python", "python3")
OWN_HANDLERS = ("base_handler", "image_classifier", "image_segmenter", "object_detector")
"""Handlers of TorchServe that GRPS provides; the package ``torchserve`` brings more."""
OTHER_HANDLERS = ("text_classifier", "dali_image_classifier", "vllm_handler", "trt_llm_handler")


class MarModel(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The section ``model`` of the manifest."""

    model_name: str
    handler: str
    model_version: str = "1.0"
    serialized_file: str | None = None
    model_file: str | None = None
    requirements_file: str | None = None
    config_file: str | None = None

    @property
    def handler_name(self) -> str:
        """The name of the handler's module."""
        name = self.handler.partition(":")[0].rpartition("/")[2]
        return name.removesuffix(".py")


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    model: MarModel
    runtime: str = "python"


def read_manifest(folder: Path) -> MarModel:
    """Read the manifest of an unpacked model archive, and check what it says.

    Raises:
        ArchiveError: It can't be read, names a file that is missing, or needs what GRPS does not
            have.
    """
    path = folder / MODEL_MANIFEST
    if path.stat().st_size > MAX_BYTES:
        raise ArchiveError(f"{MODEL_MANIFEST} has over {MAX_BYTES} bytes")
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=_Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ArchiveError(f"{MODEL_MANIFEST}: {error}") from error
    if manifest.runtime not in RUNTIMES:
        raise ArchiveError(
            f"{MODEL_MANIFEST}: runtime {shown(manifest.runtime)} is not served, only "
            f"{' and '.join(RUNTIMES)}"
        )
    model = manifest.model
    for key, name in (("modelName", model.model_name), ("modelVersion", model.model_version)):
        if not re.match(NAME_PATTERN, name):
            raise ArchiveError(
                f"{MODEL_MANIFEST}: {key} {shown(name)} must be 1 to 128 letters, digits, '.', "
                "'_' and '-'"
            )
    for key in ("serialized_file", "model_file", "requirements_file", "config_file"):
        name = getattr(model, key)
        if name and not _is_file(folder, name):
            raise ArchiveError(f"{MODEL_MANIFEST}: {key} {shown(name)} is not in the archive")
    _check_handler(folder, model)
    return model


def _check_handler(folder: Path, model: MarModel) -> None:
    name = model.handler_name
    if _is_file(folder, f"{name}.py") or name in OWN_HANDLERS:
        return
    if has_torchserve() or _brings_torchserve(folder, model):
        return
    if name in OTHER_HANDLERS:
        raise ArchiveError(
            f"{MODEL_MANIFEST}: the handler {name} of TorchServe is not a part of GRPS, which has "
            f"{', '.join(OWN_HANDLERS)}; install it beside grpst (pip install "
            "torchserve captum), or pack a handler of your own"
        )
    raise ArchiveError(
        f"{MODEL_MANIFEST}: the handler {shown(model.handler)} is neither in the archive nor one "
        f"of {', '.join(OWN_HANDLERS)}"
    )


def has_torchserve() -> bool:
    """Return whether the package ``torchserve`` is installed."""
    try:
        return find_spec("ts") is not None and find_spec("ts.torch_handler") is not None
    except (ImportError, ValueError):
        return False


def _brings_torchserve(folder: Path, model: MarModel) -> bool:
    """Return whether the archive's own requirements have the package ``torchserve``."""
    if not model.requirements_file:
        return False
    text = read_text(folder / model.requirements_file)
    return re.search(r"^\s*torchserve\b", text, re.MULTILINE) is not None


def _is_file(folder: Path, name: str) -> bool:
    """Return whether a name of the manifest is a file of the archive, not one outside of it."""
    parts = Path(name).parts
    is_inside = not Path(name).is_absolute() and ".." not in parts and "\0" not in name
    return is_inside and (folder / name).is_file()
