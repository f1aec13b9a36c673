"""What the serve verbs share: from a model file and flags to a running service."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from grps.backends.formats import has_verb, is_served_by, owner_of, recognise
from grps.backends.gpu_memory import LIMITED
from grps.backends.table import ENGINES
from grps.cli.output.example import Asked
from grps.cli.output.lines import notice
from grps.cli.serving.advice import note_flags_without_effect
from grps.cli.serving.engine_flags import (
    ARGUMENTS,
    ENGINE_FLAGS,
    GPU_FLAGS,
    has_flag,
    refuse_flags_of_others,
)
from grps.cli.serving.flag_words import speaking_of_flags
from grps.cli.serving.flags import ServeFlags
from grps.cli.serving.launching import (
    Shown,
    become_server,
    follow,
    service_folder,
    start_in_background,
    summarise,
)
from grps.cli.serving.model_argument import GivenModel
from grps.config.schema import ModelConfig
from grps.deploy.native import server_of
from grps.deploy.paths import ServiceFolder
from grps.deploy.project.model_project import GpuChoice, ModelProject, write_project
from grps.deploy.supervision.supervisor import claim, server_command
from grps.errors import DeployError

FOREGROUND = "grps.cli.serving.foreground"
"""The module that runs the server in this terminal."""


def serve_model(wanted: str | None, model: GivenModel, values: dict[str, Any]) -> None:
    """Serve a model file with the flags of the current command.

    Args:
        wanted: The engine the verb stands for, or the first of several with that verb; ``None``
            to take what the format needs.
        model: The model, or a directory with one model file.
        values: Flags as click gives them.

    Raises:
        DeployError: The format is another verb's or not served, or the start failed.
    """
    flags = ServeFlags.of(values)
    engine = engine_of(model, wanted)
    declared = ENGINES[engine]
    given = given_flags()
    refuse_flags_of_others(engine, given, flags.gpu_mem_limit_mib)
    require_converter(flags.converter, given)
    if not declared.runs_on_cpu and flags.device == "cpu":
        raise click.UsageError(
            f"--device cpu: {declared.title} runs on GPUs only; leave the flag out"
        )
    if flags.device is None:
        flags = replace(flags, device=default_device(engine, given))
    if declared.makes_steps and "batching_type" in given:
        raise click.UsageError(
            f"--batching_type: {declared.title} batches continuously; leave the flag out"
        )
    asks = has_flag(declared, "inp_device") and flags.inp_device is None
    if asks and flags.device == "original":
        raise click.UsageError("--device original needs --inp_device: where do inputs go?")
    note_flags_without_effect(flags, given, declared.makes_steps)
    folder = service_folder(flags.name, foreground=flags.foreground)
    project = project_of(model, engine, flags, gpu_wanted=bool(given & {*GPU_FLAGS}))
    with speaking_of_flags(engine):
        if flags.foreground:
            _run_here(folder, project, engine)
        else:
            _run_in_background(folder, project, flags)


def engine_of(model: GivenModel, wanted: str | None) -> str:
    """Recognise the format of a model and return the engine that serves it.

    Raises:
        ModelError: The format is not recognised.
        DeployError: It is not served by the verb that was used.
    """
    found = recognise(model.path)
    if wanted is not None and is_served_by(found, wanted):
        return wanted
    engine = owner_of(found)
    if wanted is not None:
        verb = ENGINES[wanted].verb.name
        if engine.verb.name == verb or has_verb(found, verb):
            return engine.name
        raise DeployError(
            f"{model} is a model of the format {found}; use: grpst {engine.verb.name} {model}"
        )
    return engine.name


def default_device(engine: str, given: set[str]) -> str:
    """Return ``cuda`` where a GPU is visible that the engine can use, else ``cpu``; says so.

    Args:
        engine: The engine.
        given: Names of the flags that were given.
    """
    declared = ENGINES[engine]
    if any(flag.is_for_cpu and flag.name in given for flag in declared.flags):
        return "cpu"
    if declared.default_device != "auto":
        return declared.default_device
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    if not hidden and any(Path("/dev").glob("nvidia[0-9]*")):
        notice("a GPU is present: --device cuda")
        return "cuda"
    notice("no GPU is visible: --device cpu")
    return "cpu"


def model_name_of(model_path: Path) -> str:
    """Return the file's name without its ending, as a model name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", model_path.stem).strip("._-")[:128] or "model"


def project_of(
    model: GivenModel, engine: str, flags: ServeFlags, *, gpu_wanted: bool
) -> ModelProject:
    """Turn flags into the description of a service."""
    device = flags.device or "cpu"
    gpu = None
    if gpu_wanted or device != "cpu":
        gpu = GpuChoice(
            devices=flags.gpu_devices_idx,
            mem_manager_type=engine if engine in LIMITED else "none",
            mem_limit_mib=flags.gpu_mem_limit_mib,
            mem_gc_enable=flags.gpu_mem_gc_enable,
            mem_gc_interval=flags.gpu_mem_gc_interval,
        )
    return ModelProject(
        model_path=model.path,
        model_uri=model.uri,
        model_name=flags.model_name or model_name_of(model.path),
        model_version=flags.model_version,
        inferer_type=engine,
        converter_type=flags.converter or ENGINES[engine].converter,
        converter_path=flags.converter_path,
        converter_args=flags.converter_args,
        device=device,
        inp_device=flags.inp_device,
        inferer_args=engine_arguments(engine, {**asdict(flags), **flags.engine_arguments}),
        instances=flags.instances,
        batching_type="continuous" if ENGINES[engine].makes_steps else flags.batching_type,
        max_batch_size=flags.max_batch_size,
        batch_timeout_us=flags.batch_timeout_us,
        gpu=gpu,
        **server_fields(flags),
    )


def server_fields(flags: ServeFlags) -> dict[str, Any]:
    """Return what flags say of ``server.yml``, as fields of ``ModelProject``."""
    return {
        "interface_framework": flags.interface_framework,
        "host": flags.host,
        "ports": flags.port,
        "customized_predict_http_path": flags.customized_predict_http_path,
        "max_connections": flags.max_connections,
        "max_concurrency": flags.max_concurrency,
        "log_dir": flags.log_dir,
        "log_backup_count": flags.log_backup_count,
    }


def engine_arguments(engine: str, flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``inferer_args`` that flags stand for."""
    arguments: dict[str, Any] = dict(flags["inferer_args"])
    if flags["intra_op_threads"] is not None:
        arguments["intra_op_threads"] = flags["intra_op_threads"]
    if flags["customized_op_paths"]:
        arguments["customized_op_paths"] = list(flags["customized_op_paths"])
    for key in ARGUMENTS:
        if engine in ENGINE_FLAGS[key].engines and (value := flags.get(key)):
            arguments.setdefault(key, value)
    return arguments


def model_config(model_path: Path, engine: str, flags: Mapping[str, Any]) -> ModelConfig:
    """Return the configuration by which a model file is loaded, without a service around it."""
    path = flags["converter_path"]
    return ModelConfig(
        name=model_name_of(model_path),
        version="1.0.0",
        device=flags["device"],
        inp_device=flags["inp_device"],
        inferer_type=engine,
        inferer_path=str(model_path),
        inferer_args=engine_arguments(engine, flags),
        converter_type=flags["converter"] or ENGINES[engine].converter,
        converter_path=None if path is None else str(path),
        converter_args=flags["converter_args"],
    )


def require_converter(converter: str | None, given: set[str]) -> None:
    """Refuse flags of a converter without one.

    Raises:
        click.UsageError: There are some.
    """
    if converter is None and given & {"converter_args", "converter_path"}:
        raise click.UsageError("--converter_arg and --converter_path need --converter")


def given_flags() -> set[str]:
    """Return the names of the flags that were written on the command line."""
    context = click.get_current_context()
    source = click.core.ParameterSource.COMMANDLINE
    return {name for name in context.params if context.get_parameter_source(name) is source}


def _run_here(folder: ServiceFolder, project: ModelProject, engine: str) -> None:
    with claim(folder):
        _write(folder, project)
        in_python = server_command(folder)
        server = server_of(folder, folder.root, in_python, "auto", notice)
        if server == in_python:
            python, run, _, *arguments = in_python
            server = [python, run, FOREGROUND, engine, *arguments]
        become_server(folder, folder.root, server)


def _run_in_background(folder: ServiceFolder, project: ModelProject, flags: ServeFlags) -> None:
    with claim(folder):
        _write(folder, project)
        server = server_of(folder, folder.root, server_command(folder), "auto", notice)
        state = start_in_background(folder, server, flags.timeout)
    key = f"{project.model_name}-{project.model_version}"
    shown = Shown(f"model {key} on {project.device}", (Asked(key),), project.host)
    summarise(folder, state, shown)
    if not flags.no_logging:
        follow(folder, state)


def _write(folder: ServiceFolder, project: ModelProject) -> None:
    for note in write_project(folder, project):
        notice(f"note: {note}")
