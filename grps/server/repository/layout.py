"""What is in a repository, and whether it is whole."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grps.backends.formats import is_served_by, model_in, owner_of, recognise
from grps.backends.table import ENGINES
from grps.errors import ConfigError, ModelError
from grps.server.repository.config_text import MAX_BYTES, read_config
from grps.server.repository.model_settings import FILES, ModelSettings, settings_of

CONFIG = "config.pbtxt"
MAX_MODELS, MAX_VERSIONS = 1000, 1000
_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
_VERSION = re.compile(r"[1-9][0-9]{0,17}")
_READ_BYTES = 1 << 20

Signature = tuple[tuple[str, int, int, int, int], ...]
"""Path, size, times of change and inode of each file."""


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """A version of a model that is to be served."""

    name: str
    version: str
    folder: Path
    settings: ModelSettings

    @property
    def key(self) -> str:
        """The name clients use."""
        return f"{self.name}-{self.version}"

    def signature(self) -> Signature:
        """Return what changes whenever a file does.

        Raises:
            OSError: The folder can't be read, or changes meanwhile.
        """
        config = self.folder.parent / CONFIG
        files = [*([config] if config.is_file() else []), *sorted(_files(self.folder))]
        return tuple(_facts(file, self.folder.parent) for file in files)

    def digest(self) -> str:
        """Return the SHA-256 of all its files and of its configuration.

        Raises:
            OSError: As ``signature``.
        """
        state = hashlib.sha256()
        for path, size, *_ in self.signature():
            state.update(f"{path}\0{size}\0".encode("utf-8", "surrogateescape"))
            with (self.folder.parent / path).open("rb") as stream:
                while chunk := stream.read(_READ_BYTES):
                    state.update(chunk)
        return state.hexdigest()

    def entry(self) -> dict[str, Any]:
        """Return its entry of ``inference.yml``.

        Raises:
            ModelError: There is no model in its folder, or it is another one.
        """
        path = self._model()
        found = recognise(path)
        engine = self.settings.engine or owner_of(found).name
        if not is_served_by(found, engine):
            raise ModelError(f"{path} is no model of {engine} ({found})")
        if ENGINES[engine].makes_steps:
            raise ModelError(f"{path} is a language model; use grpst {ENGINES[engine].verb.name}")
        return {
            "name": self.name,
            "version": self.version,
            "inferer_type": engine,
            "inferer_path": str(path),
            "converter_type": ENGINES[engine].converter,
            **self.settings.keys,
        }

    def _model(self) -> Path:
        names = [self.settings.file_name] if self.settings.file_name else []
        if not names:
            engine = self.settings.engine
            names = [FILES[engine]] if engine in FILES else list(FILES.values())
        for name in names:
            if (path := self.folder / str(name)).exists():
                # Larger ONNX models are a folder with model.onnx and its data.
                inside = path / str(name)
                return inside if inside.is_file() else path
        if self.settings.file_name:
            raise ModelError(f"{self.folder} has no {self.settings.file_name}")
        return model_in(self.folder)


@dataclass(frozen=True, slots=True)
class Repository:
    """What is in a repository at one moment."""

    found: dict[str, FoundVersion]
    """By ``name-version``."""
    faults: dict[str, str]
    """Why a model is left out, by its name."""


def read_repository(root: Path) -> Repository:
    """Look through a repository; what can't be served is left out, with the cause.

    Raises:
        ConfigError: It is no folder, can't be read, or has too many models.
    """
    try:
        folders = sorted(one for one in root.iterdir() if one.is_dir() and one.name[0] != ".")
    except OSError as error:
        raise ConfigError(f"the repository {root} can't be read: {error.strerror}") from error
    if len(folders) > MAX_MODELS:
        raise ConfigError(f"the repository {root} has more than {MAX_MODELS} models")
    found: dict[str, FoundVersion] = {}
    faults: dict[str, str] = {}
    for folder in folders:
        try:
            found |= {one.key: one for one in _versions(folder)}
        except (ConfigError, OSError, ValueError) as error:
            faults[folder.name] = str(error)
    return Repository(found, faults)


def _versions(folder: Path) -> Iterator[FoundVersion]:
    if not _NAME.fullmatch(folder.name):
        raise ConfigError("its name is not 1 to 128 letters, digits, '.', '_' or '-'")
    config = folder / CONFIG
    settings = ModelSettings()
    if config.is_file():
        try:
            with config.open("rb") as stream:
                text = stream.read(MAX_BYTES + 1).decode()
            settings = settings_of(read_config(text), folder.name)
        except ConfigError as error:
            raise ConfigError(f"{config}: {error}") from error
    numbers = [one.name for one in folder.iterdir() if one.is_dir() and is_version(one.name)]
    if not numbers:
        raise ConfigError(f"{folder} has no folder of a version, such as 1")
    if len(numbers) > MAX_VERSIONS:
        raise ConfigError(f"{folder} has more than {MAX_VERSIONS} versions")
    for number in settings.chosen(numbers):
        yield FoundVersion(folder.name, number, folder / number, settings)


def is_version(name: str) -> bool:
    """Return whether a folder is one of a version: a whole number that does not begin with 0."""
    return _VERSION.fullmatch(name) is not None


def _files(folder: Path) -> Iterator[Path]:
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from _files(Path(entry.path))
        else:
            yield Path(entry.path)


def _facts(file: Path, root: Path) -> tuple[str, int, int, int, int]:
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{file} is no file")
    return (
        str(file.relative_to(root)),
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        found.st_ino,
    )
