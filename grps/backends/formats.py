"""Recognition of model files: by content first, by suffix where the content does not show it.

Nothing is unpickled or executed to recognise a file.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from grps.backends.common.foreign_formats import foreign_format, foreign_zip
from grps.backends.engine import Engine, ModelFormat
from grps.backends.table import ENGINES
from grps.errors import ModelError

_HEAD_BYTES = 4096
_OWNERS: dict[str, Engine] = {
    one.name: engine for engine in ENGINES.values() for one in engine.formats
}
FORMATS: tuple[ModelFormat, ...] = tuple(
    one for engine in ENGINES.values() for one in engine.formats
)
ACCEPTED = ", ".join(one.title for one in FORMATS)
"""What a model file may be, in words."""


def owner_of(model_format: str) -> Engine:
    """Return the engine that serves a format unless another one is named."""
    return _OWNERS[model_format]


def recognise(path: Path) -> str:
    """Return the name of the format of the model at ``path``, a file or a directory.

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
    for one in FORMATS:
        if path.name in one.directory_files:
            raise ModelError(f"{path}: a part of a {one.title}; give its directory: {path.parent}")
    if head.startswith(b"PK\x03\x04"):
        return _in_zip(path)
    found = _by_head(head, path.suffix.lower())
    if found is None:
        raise ModelError(f"{path}: {foreign_format(head)}; accepted: {ACCEPTED}")
    return found


def model_in(path: Path) -> Path:
    """Return the only model file in a directory that is no model itself, else ``path``.

    Tools that copy models into containers give a directory, whatever they put into it.
    """
    if not path.is_dir() or _is_model(path):
        return path
    try:
        found = [file for file in path.iterdir() if file.is_file() and _is_model(file)]
    except OSError:
        return path
    return found[0] if len(found) == 1 else path


def has_verb(model_format: str, verb: str) -> bool:
    """Return whether another engine's verb serves a format by the engine whose format it is."""
    return any(verb in one.also_verbs for one in FORMATS if one.name == model_format)


def expect_format(path: Path, inferer_type: str) -> str:
    """Return the format of the model at ``path`` after a check that ``inferer_type`` serves it.

    Raises:
        ModelError: There is no model at ``path``, or it is one for another ``inferer_type``.
    """
    found = recognise(path)
    if not is_served_by(found, inferer_type):
        raise ModelError(
            f"{path}: this is a model for inferer_type: {owner_of(found).name} ({found}), "
            f"not {inferer_type}"
        )
    return found


def reads_text(path: Path) -> bool:
    """Return whether the model at ``path`` takes tokens that the service makes of text."""
    if not path.is_dir():
        return False
    return any(one.in_directory and one.in_directory(path) for one in FORMATS if one.reads_text)


def is_served_by(model_format: str, inferer_type: str) -> bool:
    """Return whether ``inferer_type`` serves models of a format."""
    is_own = owner_of(model_format).name == inferer_type
    return is_own or model_format in ENGINES[inferer_type].also_serves


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


def _is_model(path: Path) -> bool:
    try:
        recognise(path)
    except ModelError:
        return False
    return True


def _in_directory(path: Path) -> str:
    names = {entry.name for entry in path.iterdir()}
    for one in FORMATS:
        if one.in_directory is not None and one.in_directory(path):
            return one.name
    for one in FORMATS:
        if one.directory_files & names:
            return one.name
    suffixes = {Path(name).suffix.lower() for name in names}
    for one in FORMATS:
        if one.directory_suffixes and suffixes.issuperset(one.directory_suffixes):
            only_file(path, one.directory_suffixes[0])
            return one.name
    if not names:
        raise ModelError(f"{path}: the directory is empty")
    if version := _newest_version(path, names):
        raise ModelError(f"{path}: a directory of versions of a model; give one: {version}")
    *signs, last = [f"no {sign}" for sign in _directory_signs()]
    raise ModelError(
        f"{path}: a directory with {', '.join(signs)} and {last} in it; give the path of the "
        f"model file (accepted: {ACCEPTED})"
    )


def _directory_signs() -> list[str]:
    """Return what directories of models are recognised by, in words."""
    files = [min(one.directory_files) for one in FORMATS if one.directory_files]
    suffixes = [one.directory_suffixes[0] for one in FORMATS if one.directory_suffixes]
    return [*files, *(f"{suffix} file" for suffix in suffixes)]


def _newest_version(path: Path, names: set[str]) -> Path | None:
    """Return the highest of numbered models, which TensorFlow Serving keeps side by side."""
    numbers = sorted(int(name) for name in names if name.isascii() and name.isdigit())
    signs = [sign for one in FORMATS for sign in one.directory_files]
    versions = [path / str(number) for number in numbers]
    found = [one for one in versions if any((one / sign).is_file() for sign in signs)]
    return found[-1] if found else None


def _in_zip(path: Path) -> str:
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
    for one in FORMATS:
        if one.in_zip is not None and one.in_zip(inner):
            return one.name
    cause = foreign_zip(inner) or f"a zip archive that holds no model; accepted: {ACCEPTED}"
    raise ModelError(f"{path}: {cause}")


def _by_head(head: bytes, suffix: str) -> str | None:
    certain = (one for one in FORMATS if one.head is not None and one.head(head))
    named = (one for one in FORMATS if suffix in one.suffixes)
    probable = (
        one for one in FORMATS if one.looks_like is not None and one.looks_like(head, suffix)
    )
    for found in (certain, named, probable):
        if (first := next(found, None)) is not None:
            return first.name
    return None
