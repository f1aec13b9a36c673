"""Writes the service folder of a bare model file: the two YAML files, as a user would."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import yaml

from grps.deploy.paths import ServiceFolder
from grps.deploy.project.record import install
from grps.errors import DeployError
from grps.server.configuration import parse_inference, parse_server
from grps.server.files import absolute

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuChoice:
    """The ``gpu`` section of ``server.yml``."""

    devices: tuple[int, ...] = (0,)
    mem_manager_type: str = "none"
    mem_limit_mib: int = -1
    mem_gc_enable: bool = False
    mem_gc_interval: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProject:
    """Everything the two files say about one model file."""

    model_path: Path
    model_uri: str | None = None
    """Where the model comes from; it is kept in the place of the path."""
    model_name: str
    model_version: str = "1.0.0"
    inferer_type: str
    converter_type: str
    device: str = "cpu"
    inp_device: str | None = None
    inferer_args: Mapping[str, Any] = field(default_factory=dict)
    converter_path: Path | None = None
    converter_args: Mapping[str, Any] = field(default_factory=dict)
    instances: int = 1
    batching_type: str = "none"
    max_batch_size: int = 16
    batch_timeout_us: int = 1000
    interface_framework: str = "http+grpc"
    host: str = "0.0.0.0"
    ports: tuple[int, ...] = (7080, 7081)
    customized_predict_http_path: str | None = None
    max_connections: int = 1000
    max_concurrency: int = 32
    gpu: GpuChoice | None = None
    log_dir: str = "./logs"
    log_backup_count: int = 7


def write_project(folder: ServiceFolder, project: ModelProject) -> list[str]:
    """Write ``conf/inference.yml`` and ``conf/server.yml``; earlier ones are replaced.

    Returns:
        Notes for the user, about edited files that were replaced.

    Raises:
        DeployError: The model's path can't be written in YAML.
        ConfigError: A value is not allowed.
    """
    place = folder.inference_conf.parent
    conf = checked_conf(render_inference(project), render_server(project), place)
    return install(folder, folder.root, sys.executable, conf)


def checked_conf(inference: str, server: str, place: Path) -> dict[str, bytes]:
    """Return the files of a configuration by name.

    Args:
        inference: The text of ``inference.yml``.
        server: The text of ``server.yml``.
        place: The folder that they are for; errors name it.

    Raises:
        ConfigError: A value is not allowed.
    """
    parse_inference(inference, str(place / "inference.yml"))
    parse_server(server, str(place / "server.yml"))
    return {"inference.yml": inference.encode(), "server.yml": server.encode()}


def render_inference(project: ModelProject) -> str:
    """Return the text of ``inference.yml``; the model is referred to by its absolute path.

    Links in it stay: the model is read where they lead when it is loaded.
    """
    path = project.model_uri or _readable(project.model_path, "model")
    converter = project.converter_path
    return fill_template(
        "inference.yml",
        name=project.model_name,
        version=project.model_version,
        key=f"{project.model_name}-{project.model_version}",
        device=project.device,
        inp_device=project.inp_device,
        inferer_type=project.inferer_type,
        inferer_path=path,
        inferer_args=dict(project.inferer_args) or None,
        converter_type=project.converter_type,
        converter_path=None if converter is None else _readable(converter, "converter"),
        converter_args=dict(project.converter_args) or None,
        instances=project.instances,
        batching_type=project.batching_type,
        max_batch_size=project.max_batch_size,
        batch_timeout_us=project.batch_timeout_us,
    )


def render_server(project: ModelProject) -> str:
    """Return the text of ``server.yml``."""
    route = None
    if project.customized_predict_http_path:
        route = {"path": project.customized_predict_http_path, "customized_body": False}
    gpu = None
    if project.gpu is not None:
        gpu = {
            "devices": list(project.gpu.devices),
            "mem_manager_type": project.gpu.mem_manager_type,
            "mem_limit_mib": project.gpu.mem_limit_mib,
            "mem_gc_enable": project.gpu.mem_gc_enable,
            "mem_gc_interval": project.gpu.mem_gc_interval,
        }
    return fill_template(
        "server.yml",
        framework=project.interface_framework,
        host=project.host,
        port=",".join(str(port) for port in project.ports),
        customized_predict_http=route,
        max_connections=project.max_connections,
        max_concurrency=project.max_concurrency,
        gpu=gpu,
        log_dir=project.log_dir,
        log_backup_count=project.log_backup_count,
    )


def _readable(path: Path, owner: str) -> str:
    text = str(absolute(path))
    if text.splitlines() != [text] or not _encodes(text):
        raise DeployError(
            f"{text!r}: the {owner}'s path has line breaks or is not UTF-8; rename it"
        )
    return text


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def fill_template(template: str, **values: object) -> str:
    """Return the text of a template with values in YAML; ``None`` leaves a key without one."""
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    return Template(text).substitute({key: _yaml(value) for key, value in values.items()})


def _yaml(value: object) -> str:
    """Write one value on one line, quoted where YAML needs it; ``None`` is left empty."""
    if value is None:
        return ""
    text: str = yaml.safe_dump(
        [value], default_flow_style=True, allow_unicode=True, width=1 << 30, sort_keys=False
    )
    return text.strip()[1:-1]
