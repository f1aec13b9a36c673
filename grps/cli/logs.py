"""``grpst logs``."""

from __future__ import annotations

import click

from grps.cli.following import follow_log
from grps.cli.names import complete_deployed
from grps.cli.output import notice
from grps.deploy.follow import tail
from grps.deploy.services import find


@click.command("logs")
@click.argument("name", shell_complete=complete_deployed)
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=100,
    show_default=True,
    help="Earlier lines to begin with.",
)
@click.option("--no_follow", is_flag=True, help="Print these and end.")
@click.option("--user", is_flag=True, help="Your code's log (grps_usr.log), not the server's.")
def command(name: str, lines: int, no_follow: bool, user: bool) -> None:
    """Show the log of a service and follow it until Ctrl-C or until the service ends.

    \b
    Examples:
      grpst logs my_grps
      grpst logs my_grps -n 20 --no_follow
      grpst logs my_grps --user
    """  # noqa: D301 - \b is click\'s mark for text that is not wrapped
    service = find(name)
    path = service.folder.log_dir / ("grps_usr.log" if user else "grps_server.log")
    if service.running and service.state is not None and not no_follow:
        try:
            follow_log(service.folder, service.state, path, lines)
        except KeyboardInterrupt:
            notice("")
        return
    if not path.exists():
        notice(f"there is no log yet: {path}")
        return
    click.echo(tail(path, lines)[0].decode("utf-8", "replace"), nl=False)
    if not service.running:
        notice(f"service {name!r} does not run ({service.status})")
