"""Writes the service folder of a repository of models in Triton's layout."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grps.deploy.paths import ServiceFolder
from grps.deploy.project.model_project import fill_template
from grps.deploy.project.record import install
from grps.errors import ConfigError, DeployError, ModelError
from grps.server.configuration import parse_inference, parse_server
from grps.server.files import absolute
from grps.server.repository.layout import read_repository


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryProject:
    """What is served of a repository, and where."""

    root: Path
    poll_seconds: int
    host: str
    ports: tuple[int, ...]


def write_repository(folder: ServiceFolder, project: RepositoryProject) -> list[str]:
    """Write ``conf/inference.yml`` and ``conf/server.yml``; earlier ones are replaced.

    The server reads the repository again when it starts, and leaves out what is not whole.

    Returns:
        Notes for the user: what is left out, what has no effect, edited files that were replaced.

    Raises:
        ConfigError: The repository can't be read.
        DeployError: Nothing in it can be served.
    """
    root = absolute(project.root)
    entries, notes = _entries(root)
    document: dict[str, Any] = {
        "models": entries,
        "repository": {"path": str(root), "poll_seconds": project.poll_seconds},
    }
    inference = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    server = fill_template(
        "server.yml",
        framework="http+grpc",
        host=project.host,
        port=",".join(str(port) for port in project.ports),
        customized_predict_http=None,
        max_connections=1000,
        max_concurrency=32,
        gpu=None,
        log_dir="./logs",
        log_backup_count=7,
    )
    parse_inference(inference, str(folder.inference_conf))
    parse_server(server, str(folder.server_conf))
    conf = {"inference.yml": inference.encode(), "server.yml": server.encode()}
    return [*notes, *install(folder, folder.root, sys.executable, conf)]


def _entries(root: Path) -> tuple[list[dict[str, Any]], list[str]]:
    found = read_repository(root)
    notes = [f"{name} is left out: {cause}" for name, cause in found.faults.items()]
    entries = []
    for version in found.found.values():
        try:
            entries.append(version.entry())
        except (ModelError, OSError, ConfigError) as error:
            notes.append(f"{version.key} is left out: {error}")
    for name, settings in {one.name: one.settings for one in found.found.values()}.items():
        notes += [f"{name}/config.pbtxt: {note}" for note in settings.notes]
    if not entries:
        causes = "; ".join(notes) or "put one at NAME/VERSION/model.onnx"
        raise DeployError(f"the repository {root} has no model that can be served: {causes}")
    return entries, notes
