"""``grpst start``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from grps.cli.output.byte_progress import ByteProgress
from grps.cli.output.lines import notice
from grps.cli.serving import flag_checks, start_options
from grps.cli.serving.launching import (
    become_server,
    follow,
    service_folder,
    shown_of,
    start_in_background,
    summarise,
)
from grps.deploy.archive.unpack import GIB, Limits
from grps.deploy.native import Mode, server_of
from grps.deploy.paths import DEFAULT_NAME, ServiceFolder
from grps.deploy.project.app_project import refuse_app
from grps.deploy.project.deployment import (
    Deployment,
    Overrides,
    Reports,
    deploy_archive,
    deploy_folder,
)
from grps.deploy.project.prefetching import prefetch
from grps.deploy.project.torchserve.project import MarChoices
from grps.deploy.supervision.supervisor import claim

CONF_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFlags:
    """Values of the flags, checked."""

    name: str
    host: str | None
    port: str | None
    inference_conf: Path | None
    server_conf: Path | None
    timeout: float
    mpi_np: int
    no_logging: bool
    foreground: bool
    native: Mode | None
    max_unpacked_gib: int
    instances: int | None
    max_batch_size: int | None


@click.command("start")
@click.argument("path", metavar="MAR|PROJECT", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--name",
    default=DEFAULT_NAME,
    show_default=True,
    callback=flag_checks.service_name,
    help="Name of the service.",
)
@click.option("--host", help="Address to listen on.  [default: what conf/server.yml says]")
@click.option(
    "--port",
    callback=flag_checks.optional_ports,
    help="HTTP port and RPC port.  [default: what conf/server.yml says]",
)
@click.option("--inference_conf", type=CONF_FILE, help="Use this, not conf/inference.yml.")
@click.option("--server_conf", type=CONF_FILE, help="Use this, not conf/server.yml.")
@start_options.TIMEOUT
@click.option(
    "--mpi_np",
    type=int,
    default=1,
    show_default=True,
    callback=flag_checks.one_process,
    help="Processes of the service; only 1 is available in this version.",
)
@start_options.NO_LOGGING
@start_options.FOREGROUND
@start_options.NATIVE
@click.option(
    "--max_unpacked_gib",
    type=click.IntRange(min=1),
    default=64,
    show_default=True,
    help="Refuse archives that unpack to more.",
)
@click.option(
    "--instances",
    type=click.IntRange(1, 64),
    help="Of an archive of TorchServe: worker processes.  [default: its minWorkers, or 1]",
)
@click.option(
    "--max_batch_size",
    type=click.IntRange(min=1),
    help="Of an archive of TorchServe: most requests of a batch.  [default: its batchSize, or 1]",
)
def command(path: Path, **values: Any) -> None:
    """Put a project online, from the archive that grpst archive wrote or from its folder.

    MAR may also be a model archive of TorchServe: its handler then runs in processes of its own,
    and clients of TorchServe call it at /predictions/MODEL.

    An archive is unpacked into ~/.grps/NAME/project; a folder is served where it is. Packages of
    requirements.txt that are missing are installed into ~/.grps/NAME/env, for this service only.
    The service runs in the background; then its log is followed until Ctrl-C, which leaves the
    service running.

    \b
    Examples:
      grpst start server.mar
      grpst start server.mar --name detect --server_conf production/server.yml --no_logging
      grpst start ./my_project --port 8080,8081
      grpst start densenet161.mar --max_batch_size 8
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    flags = StartFlags(**values)
    folder = service_folder(flags.name, foreground=flags.foreground)
    with claim(folder):
        with ByteProgress() as progress:
            deployment = _deploy(folder, path, flags, Reports(progress.show, notice))
            prefetch(deployment.project, progress.show, notice)
        project = deployment.project.folder
        server = server_of(folder, project, deployment.command, flags.native or "auto", notice)
        if flags.foreground:
            become_server(folder, project, server)
            return
        state = start_in_background(folder, server, flags.timeout)
    summarise(folder, state, shown_of(deployment.project))
    if not flags.no_logging:
        follow(folder, state)


def _deploy(folder: ServiceFolder, path: Path, flags: StartFlags, reports: Reports) -> Deployment:
    overrides = Overrides(
        flags.inference_conf,
        flags.server_conf,
        flags.host,
        flags.port,
        MarChoices(flags.instances, flags.max_batch_size),
    )
    refuse_app(path)
    if path.is_dir():
        return deploy_folder(folder, path, overrides, reports)
    limits = Limits(max_total_bytes=flags.max_unpacked_gib * GIB)
    return deploy_archive(folder, path, overrides, reports, limits)
