"""``grpst restart``."""

from __future__ import annotations

import os

import click

from grps.cli.names import complete_deployed
from grps.cli.output.byte_progress import ByteProgress
from grps.cli.output.lines import notice
from grps.cli.output.progress import ProgressLine
from grps.cli.serving import flag_checks, start_options
from grps.cli.serving.launching import follow, shown_of, start_in_background, summarise
from grps.config.ports import parse_ports
from grps.deploy.admin import TOKEN_VARIABLE
from grps.deploy.native import Mode, noted_mode, server_of
from grps.deploy.paths import ServiceFolder
from grps.deploy.project.deployment import deployed, listen_on
from grps.deploy.project.files import check_files
from grps.deploy.project.prefetching import prefetch
from grps.deploy.project.registrations import check_code
from grps.deploy.supervision.ports import check_host, check_ports
from grps.deploy.supervision.services import Service, find, inspect
from grps.deploy.supervision.stopping import stop
from grps.deploy.supervision.supervisor import claim
from grps.server.state import variables_of


@click.command("restart")
@click.argument("name", shell_complete=complete_deployed)
@click.option("--host", help="Address to listen on from now on.  [default: as configured]")
@click.option(
    "--port",
    callback=flag_checks.optional_ports,
    help="HTTP port and RPC port from now on.  [default: as configured]",
)
@start_options.TIMEOUT
@start_options.NO_LOGGING
@start_options.NATIVE
def command(
    name: str,
    host: str | None,
    port: str | None,
    timeout: float,
    no_logging: bool,
    native: Mode | None,
) -> None:
    """Stop a service and start it again in the background, with its configuration as it is now.

    Edit the files in ~/.grps/NAME/conf and restart the service to apply them. If they are wrong, or
    a file is missing, the service goes on as it is. So it does if it has an admin token, and
    GRPS_ADMIN_TOKEN is not set here. A service that does not run is started.

    \b
    Examples:
      grpst restart my_grps
      grpst restart my_grps --no_logging --port 8080,8081
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    folder = find(name).folder
    _check(folder, host, port)
    service = inspect(folder)
    if service.running:
        _check_token(service)
        with ProgressLine(f"stopping {name}") as line:
            stop(name, on_wait=lambda detail, elapsed_s: line.show(detail, "", elapsed_s))
        notice(f"service {name!r} stopped")
    with claim(folder):
        listen_on(folder, host, port)
        deployment = deployed(folder)
        mode = native or noted_mode(folder)
        server = server_of(folder, deployment.project.folder, deployment.command, mode, notice)
        state = start_in_background(folder, server, timeout)
    summarise(folder, state, shown_of(deployment.project))
    if not no_logging:
        follow(folder, state)


def _check_token(service: Service) -> None:
    """Keep the admin token: a missing variable means another shell, an empty one a decision.

    Raises:
        click.ClickException: The service has a token, and here the variable is not set.
    """
    assert service.state is not None
    if TOKEN_VARIABLE not in os.environ and variables_of(service.state).get(TOKEN_VARIABLE):
        raise click.ClickException(
            f"service {service.name!r} has an admin token, but {TOKEN_VARIABLE} is not set here. "
            f"Set it to the token; or, to go on without one, run: {TOKEN_VARIABLE}= grpst restart "
            f"{service.name}"
        )


def _check(folder: ServiceFolder, host: str | None, port: str | None) -> None:
    """Find what is wrong while the service still runs: files, the host, or a port in use."""
    deployment = deployed(folder)
    project = deployment.project
    check_files(project)
    with ByteProgress() as progress:
        prefetch(project, progress.show, notice)
    check_code(project, deployment.command[0])
    interface = project.server.interface
    state = inspect(folder).state
    own = state.ports if state is not None else ()
    ports = interface.ports if port is None else parse_ports(port)
    check_host(host or interface.host)
    check_ports(host or interface.host, [one for one in ports if one not in own])
