"""``grpst serve`` of a Python file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from grps.cli.output.lines import notice
from grps.cli.output.progress import ProgressLine
from grps.cli.serving.engine_flags import refuse_flags_of_others
from grps.cli.serving.flags import ServeFlags
from grps.cli.serving.launching import (
    become_server,
    follow,
    service_folder,
    shown_of,
    start_in_background,
    summarise,
)
from grps.cli.serving.model_service import (
    default_device,
    given_flags,
    require_converter,
    server_fields,
)
from grps.deploy.native import server_of
from grps.deploy.paths import ServiceFolder
from grps.deploy.project.app_project import AppChoices, AppModel, chosen, read_app, write_app
from grps.deploy.project.deployment import Deployment, deployed
from grps.deploy.project.model_project import GpuChoice, ModelProject
from grps.deploy.supervision.supervisor import claim
from grps.server.state import ServiceState

CODE = "Python code"
"""What serves the models, in errors."""
OF_ENGINES = ("intra_op_threads", "customized_op_paths")
BATCHING = ("max_batch_size", "batch_timeout_us")


def serve_app(file: Path, values: dict[str, Any]) -> None:
    """Serve the models of a file with the flags of the current command.

    Args:
        file: The file.
        values: Flags as click gives them.

    Raises:
        GrpsError: The file has a fault, a flag does not go with it, or the start failed.
    """
    flags, given = ServeFlags.of(values), given_flags()
    refuse_flags_of_others(CODE, given, flags.gpu_mem_limit_mib)
    require_converter(flags.converter, given)
    for name in OF_ENGINES:
        if name in given:
            raise click.UsageError(f"--{name} is for engines; your code sets that itself")
    folder = service_folder(flags.name, foreground=flags.foreground)
    with ProgressLine(f"importing {file.name}"):
        models = read_app(file)
    entries = chosen(models, choices_of(flags, given, models))
    with claim(folder):
        for note in write_app(folder, file, entries, _server(file, flags, given)):
            notice(f"note: {note}")
        deployment = deployed(folder)
        command = server_of(folder, deployment.project.folder, deployment.command, "never")
        if flags.foreground:
            become_server(folder, deployment.project.folder, command)
            return
        state = start_in_background(folder, command, flags.timeout)
    _show(folder, state, deployment, flags)


def choices_of(flags: ServeFlags, given: set[str], models: tuple[AppModel, ...]) -> AppChoices:
    """Return what the flags that were given ask for."""
    values = asdict(flags)
    batching = {name: values[name] for name in BATCHING if name in given}
    if "batching_type" in given:
        batching["type"] = flags.batching_type
    elif batching:
        batching["type"] = "dynamic"
    converter: dict[str, Any] = {}
    if flags.converter is not None:
        path = flags.converter_path
        converter = {
            "converter_type": flags.converter,
            "converter_path": None if path is None else str(path.absolute()),
            "converter_args": flags.converter_args or None,
        }
    device = flags.device
    wants_one = any(one.facts["loads_on_device"] and "device" not in one.entry for one in models)
    if device is None and wants_one:
        device = default_device("torch", given)
    return AppChoices(
        name=flags.model_name,
        version=flags.model_version if "model_version" in given else None,
        device=device,
        instances=flags.instances if "instances" in given else None,
        batching=batching,
        converter=converter,
        inferer_args=flags.inferer_args,
    )


def _server(file: Path, flags: ServeFlags, given: set[str]) -> ModelProject:
    """Return what ``server.yml`` says."""
    is_wanted = flags.device not in (None, "cpu") or "gpu_devices_idx" in given
    gpu = GpuChoice(devices=flags.gpu_devices_idx) if is_wanted else None
    return ModelProject(
        model_path=file,
        model_name=file.stem,
        inferer_type="customized",
        converter_type="none",
        gpu=gpu,
        **server_fields(flags),
    )


def _show(
    folder: ServiceFolder, state: ServiceState, deployment: Deployment, flags: ServeFlags
) -> None:
    summarise(folder, state, shown_of(deployment.project))
    if not flags.no_logging:
        follow(folder, state)
