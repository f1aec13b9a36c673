"""The files that a project's configuration refers to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grps.backends.formats import expect_format
from grps.config.schema import ModelConfig
from grps.converters.names import NAMES
from grps.errors import DeployError, ModelError
from grps.server.project import USER_MODULES, Project, inferer_file, needs_module
from grps.sources import is_uri


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file or folder that a model needs."""

    model: str
    key: str
    """Where the configuration has it."""
    path: str
    """As it is written there: absolute, or from the project's folder."""
    is_plugin: bool = False
    """Whether it is a library that runs the model."""

    def fault(self, folder: Path) -> str | None:
        """Say what is wrong with it; ``None`` when it is there and can be read.

        Args:
            folder: The project's folder.
        """
        path = folder / self.path
        where = f"model {self.model}: {self.key} {path}"
        if not path.exists():
            return f"{where}: no such file"
        if not os.access(path, os.R_OK):
            return f"{where}: no permission to read it"
        if path.is_file() and path.stat().st_size == 0:
            return f"{where}: the file is empty"
        return None


def named_files(project: Project) -> Iterator[NamedFile]:
    """Yield the files that must be there when the models are loaded.

    What the paths of user code mean is known to that code only, so they are left out, and what
    is given by a URI is fetched. The models of a repository are those that it has by then.
    """
    for model in _kept_models(project):
        yield from (named for named in _of_model(model) if not is_uri(named.path))


def check_files(project: Project) -> None:
    """Check that everything is there that the service loads.

    Raises:
        DeployError: A file is missing, empty, can't be read, or is no model of its engine.
    """
    for owner, key, file in missing_modules(project):
        raise DeployError(f"{file} is missing; model {owner} needs it for its {key}")
    for named in named_files(project):
        fault = named.fault(project.folder)
        if fault is not None:
            raise DeployError(fault)
    for model in _kept_models(project):
        path = model.inferer_path
        if path is not None and not is_uri(path) and model.inferer_type in NAMES.engines:
            try:
                expect_format(project.folder / path, model.inferer_type)
            except ModelError as error:
                raise DeployError(f"model {model.key}: {error}") from error


def missing_modules(project: Project) -> Iterator[tuple[str, str, Path]]:
    """Yield each model whose user code is missing, with the key that needs it and its file."""
    for model in project.inference.models:
        for name, key in USER_MODULES.items():
            file = project.folder / "src" / f"{name}.py"
            if needs_module(model, key) and not file.is_file():
                yield model.key, key, file
        named = inferer_file(model)
        if named is not None and not (project.folder / named).is_file():
            yield model.key, "inferer_name", project.folder / named


def _kept_models(project: Project) -> Iterator[ModelConfig]:
    """Yield the models that are not those of a repository."""
    repository = project.inference.repository
    for model in project.inference.models:
        path = project.folder / (model.inferer_path or "")
        if repository is None or not path.is_relative_to(project.folder / repository.path):
            yield model


def _of_model(model: ModelConfig) -> Iterator[NamedFile]:
    if model.inferer_path is not None and model.inferer_type not in ("customized", "identity"):
        is_plugin = model.inferer_type == "plugin"
        yield NamedFile(model.key, "inferer_path", model.inferer_path, is_plugin)
    if NAMES.has_built_in_converter(model):
        if model.converter_path is not None and model.converter_type in NAMES.converter_paths:
            yield NamedFile(model.key, "converter_path", model.converter_path)
        labels = (model.converter_args or {}).get("labels")
        if isinstance(labels, str):
            yield NamedFile(model.key, "labels in converter_args", labels)
    for path in model.warm_up_requests:
        yield NamedFile(model.key, "warm_up_requests", path)
