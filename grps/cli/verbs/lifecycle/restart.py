"""``grpst restart``."""

from __future__ import annotations

import click

from grps.cli.names import complete_deployed
from grps.cli.output.lines import notice
from grps.cli.output.progress import ProgressLine
from grps.cli.serving.launching import follow, shown_of, start_in_background, summarise
from grps.deploy.project.deployment import deployed
from grps.deploy.supervision.services import find, inspect
from grps.deploy.supervision.stopping import stop
from grps.deploy.supervision.supervisor import claim


@click.command("restart")
@click.argument("name", shell_complete=complete_deployed)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=300,
    show_default=True,
    help="Seconds the service may take to become ready.",
)
@click.option("--no_logging", is_flag=True, help="Don't follow the log after the start.")
def command(name: str, timeout: float, no_logging: bool) -> None:
    """Stop a service and start it again in the background, with its configuration as it is now.

    Edit the files in ~/.grps/NAME/conf and restart the service to apply them; if they are wrong,
    the service goes on as it is. A service that does not run is started.

    \b
    Examples:
      grpst restart my_grps
      grpst restart my_grps --no_logging
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    folder = find(name).folder
    deployed(folder)
    if inspect(folder).running:
        with ProgressLine(f"stopping {name}") as line:
            stop(name, on_wait=lambda detail, elapsed_s: line.show(detail, "", elapsed_s))
        notice(f"service {name!r} stopped")
    with claim(folder):
        deployment = deployed(folder)
        state = start_in_background(folder, deployment.command, timeout)
    summarise(folder, state, shown_of(deployment.project))
    if not no_logging:
        follow(folder, state)
