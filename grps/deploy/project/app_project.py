"""Writes the service folder of a Python file whose functions and classes are models."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from grps.deploy.paths import ServiceFolder
from grps.deploy.project.model_project import ModelProject, checked_conf, render_server
from grps.deploy.project.record import install
from grps.errors import ConfigError, ModelError, OneFileError
from grps.server.files import absolute

SUFFIX = ".py"
WAIT_S = 300.0
"""Longest time for the import of the file."""
SHOWN_LINES = 8
_HEAD = """\
# The models of {file}, marked there with @grps.model.
# grpst writes this anew at the next serve. To run a changed one: grpst restart NAME.
"""


@dataclass(frozen=True, slots=True)
class AppModel:
    """A function or a class of the file that is a model."""

    entry: Mapping[str, Any]
    """Its lines of ``inference.yml``."""
    facts: Mapping[str, Any]
    """What the file says of it; see ``grps.inference.app.described``."""

    @property
    def key(self) -> str:
        """The name that clients use: ``name-version``."""
        return f"{self.entry['name']}-{self.entry['version']}"

    @property
    def joins(self) -> bool:
        """Whether it can run several requests together."""
        tensors = self.facts["takes_tensors"] or self.facts["takes_lists"]
        return bool(tensors) and self.facts["form"] == "function"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppChoices:
    """What was asked for on the command line; ``None`` leaves what the file says."""

    name: str | None = None
    version: str | None = None
    device: str | None = None
    instances: int | None = None
    batching: Mapping[str, Any] = field(default_factory=dict)
    """Keys of ``batching``."""
    converter: Mapping[str, Any] = field(default_factory=dict)
    """Keys that begin with ``converter_``."""
    inferer_args: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of the class."""


def is_app(path: Path) -> bool:
    """Return whether a path is a file of Python code."""
    return path.suffix == SUFFIX and path.is_file()


def refuse_app(path: Path) -> None:
    """Check that a path is no file of Python code, where a project is needed.

    Raises:
        OneFileError: It is one.
    """
    if is_app(path):
        raise OneFileError(
            f"{path} is one Python file, where a project is needed. grpst serve {path} puts it "
            "online as it is; to pack it, make a project: a folder with the file and "
            "conf/inference.yml, as grpst example graph writes one"
        )


def read_app(file: Path) -> tuple[AppModel, ...]:
    """Import a file in a process of its own and return its models.

    Raises:
        ModelError: It can't be imported or has no model; the text says where and what to do.
    """
    file = absolute(file)
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "grps.inference.app", str(file)],
            cwd=file.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=WAIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{file}: its import took more than {WAIT_S:g} s") from error
    try:
        answer = json.loads(ran.stdout)
    except ValueError as error:
        lines = [line.rstrip() for line in ran.stderr.splitlines() if line.strip()]
        shown = "".join(f"\n  {line}" for line in lines[-SHOWN_LINES:])
        code = ran.returncode
        raise ModelError(f"{file}: its import ended the process ({code}){shown}") from error
    if "error" in answer:
        raise ModelError(str(answer["error"]))
    return tuple(AppModel(one["entry"], one) for one in answer["models"])


def chosen(models: Sequence[AppModel], choices: AppChoices) -> list[dict[str, Any]]:
    """Return the entries of ``inference.yml`` with what was asked for.

    Raises:
        ConfigError: It does not go with the models.
    """
    if len(models) > 1:
        for flag in ("name", "version", "inferer_args"):
            if getattr(choices, flag):
                names = ", ".join(one.key for one in models)
                raise ConfigError(f"{flag}: for one model, but the file has {names}")
    return [_chosen(one, choices) for one in models]


def _chosen(model: AppModel, choices: AppChoices) -> dict[str, Any]:
    entry = dict(model.entry)
    plain = {
        "name": choices.name,
        "version": choices.version,
        "device": choices.device,
        "instances": choices.instances,
        "inferer_args": dict(choices.inferer_args) or None,
    }
    entry |= {key: value for key, value in plain.items() if value is not None}
    if choices.converter:
        if not model.facts["takes_tensors"]:
            raise ConfigError(f"converter: {model.key} takes no arrays, which a converter makes")
        entry |= choices.converter
    if choices.batching:
        if choices.batching.get("type") != "none" and not model.joins:
            raise ConfigError(
                f"batching: {model.key} takes one request at a time; let it take arrays, or give "
                "max_batch_size in @grps.model"
            )
        kept = entry.get("batching", {"type": "dynamic"})
        entry["batching"] = {**kept, **choices.batching}
    return _with_threads(entry, model)


def _with_threads(entry: dict[str, Any], model: AppModel) -> dict[str, Any]:
    """Limit the threads that call a function to its instances; a batch has one without a number.

    More threads than asked for would divide the requests that wait among more batches. An object of
    a class has one thread, and so has code in a process or behind a converter.
    """
    joins = entry.get("batching", {}).get("type", "none") != "none"
    is_own = model.facts["is_class"] or entry.get("isolation") == "process"
    is_shared = not is_own and entry["converter_type"] in ("numpy", "none")
    if is_shared and (joins or "instances" in entry):
        entry["max_threads"] = entry.get("instances", 1)
    return entry


def render_app(file: Path, entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the text of ``inference.yml``; a model alone is the default graph."""
    document: dict[str, Any] = {"models": [dict(one) for one in entries]}
    if len(entries) == 1:
        key = f"{entries[0]['name']}-{entries[0]['version']}"
        node = {"name": "node-1", "type": "model", "model": key}
        document["dag"] = {"type": "sequential", "name": "default", "nodes": [node]}
    text: str = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    return _HEAD.format(file=absolute(file)) + text


def write_app(
    folder: ServiceFolder, file: Path, entries: Sequence[Mapping[str, Any]], server: ModelProject
) -> list[str]:
    """Write the configuration of a service; the project is the folder of the file.

    Args:
        folder: The service.
        file: The file.
        entries: The models; see ``chosen``.
        server: What ``server.yml`` says.

    Returns:
        Notes for the user, about edited files that were replaced.

    Raises:
        ConfigError: A value is not allowed.
    """
    place = folder.inference_conf.parent
    conf = checked_conf(render_app(file, entries), render_server(server), place)
    return install(folder, absolute(file).parent, sys.executable, conf)
