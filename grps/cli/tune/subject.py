"""The model that ``grpst tune`` is given: a file, a project, or a service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import msgspec

from grps.backends.formats import model_in, recognise
from grps.cli.serving.model_argument import GivenModel
from grps.cli.serving.model_service import default_device, engine_of, model_config
from grps.config.schema import ModelConfig, ServerConfig
from grps.deploy.paths import ServiceFolder
from grps.deploy.project.deployment import deployed
from grps.deploy.supervision.services import find
from grps.errors import DeployError, ModelError
from grps.server.project import Project


@dataclass(frozen=True, slots=True)
class Subject:
    """A model that is tuned.

    Attributes:
        config: As it is configured, its path absolute.
        concurrency: ``max_concurrency`` of its server.
        file: The ``inference.yml`` that it is in; ``None`` for the file of a model.
        written: As that file has it.
        service: The service that runs it; ``None`` unless one was named.
    """

    config: ModelConfig
    concurrency: int
    file: Path | None = None
    written: ModelConfig | None = None
    service: str | None = None


def read_subject(target: str, model: str | None, device: str | None) -> Subject:
    """Return the model that is meant.

    Args:
        target: A model file, a project's folder, or the name of a service.
        model: Which model of several.
        device: Where the file of a model runs.

    Raises:
        UsageError: Flags do not fit the target.
        DeployError: There is no such target.
        ConfigError: Its configuration is wrong.
    """
    path = Path(target)
    if path.is_dir() and (path / "conf" / "inference.yml").is_file():
        return _of_project(Project.read(path), model, device, None)
    if path.exists():
        if model is not None:
            raise click.UsageError("--model is for projects and services")
        return _of_file(path, device)
    if "/" in target or path.suffix:
        raise ModelError(f"{target}: no such file or directory")
    try:
        folder = find(target).folder
    except DeployError as error:
        raise DeployError(f"{target}: no such file, project or service") from error
    return _of_project(_project_of(folder), model, device, target)


def _project_of(folder: ServiceFolder) -> Project:
    return deployed(folder).project


def _of_file(path: Path, device: str | None) -> Subject:
    path = model_in(path)
    recognise(path)
    engine = engine_of(GivenModel(path), None)
    flags: dict[str, Any] = {
        "device": device or default_device(engine, set()),
        "inp_device": None,
        "converter": None,
        "converter_path": None,
        "converter_args": {},
        "inferer_args": {},
        "intra_op_threads": None,
        "customized_op_paths": (),
    }
    config = model_config(path.absolute(), engine, flags)
    return Subject(config, ServerConfig().max_concurrency)


def _of_project(
    project: Project, model: str | None, device: str | None, service: str | None
) -> Subject:
    if device is not None:
        raise click.UsageError("--device is for model files; a project says it in inference.yml")
    written = _chosen(project.inference.models, model)
    path = project.folder.absolute() / (written.inferer_path or "")
    config = msgspec.structs.replace(written, inferer_path=str(path))
    concurrency = project.server.max_concurrency
    return Subject(config, concurrency, project.inference_file, written, service)


def _chosen(models: tuple[ModelConfig, ...], wanted: str | None) -> ModelConfig:
    found = [one for one in models if wanted is None or wanted in (one.key, one.name)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(one.key for one in models)
    if wanted is None:
        raise click.UsageError(f"there are several models: {names}; say which by --model")
    raise click.UsageError(f"--model {wanted}: use one of {names}")
