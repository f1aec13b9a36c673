"""``grpst logs``."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

import click

from grps.cli.names import complete_deployed
from grps.cli.output.following import follow_log
from grps.cli.output.lines import notice, say
from grps.deploy.admin import set_log_level
from grps.deploy.logs.follow import tail
from grps.deploy.logs.lines import LEVELS, LineFilter, last_lines, read_moment
from grps.deploy.supervision.services import Service, find
from grps.log import STDERR_VARIABLE


class Moment(click.ParamType[datetime]):
    """A time, or how long ago."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read the text of the command line."""
        if isinstance(value, datetime):
            return value
        try:
            return read_moment(str(value), datetime.now())
        except ValueError as error:
            self.fail(str(error), param, ctx)


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
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default=LEVELS[0],
    help="Only lines of this level and above.",
)
@click.option("--id", "request_id", metavar="ID", help="Only lines about this request.")
@click.option("--since", type=Moment(), help="Only lines from then on: 14:05, 10m, 2h, 1d.")
@click.option("--until", type=Moment(), help="Only lines up to then; ends instead of following.")
@click.option(
    "--set_level",
    type=click.Choice(LEVELS),
    help="Let the running service write lines of this level and above, and end.",
)
def command(
    name: str, lines: int, no_follow: bool, user: bool, set_level: str | None, **filters: Any
) -> None:
    """Show the log of a service and follow it until Ctrl-C or until the service ends.

    What is filtered is looked for in the logs of earlier days, too.

    \b
    Examples:
      grpst logs my_grps
      grpst logs my_grps -n 20 --no_follow
      grpst logs my_grps --user --level warning
      grpst logs my_grps --id 084c141b2c1a694b --no_follow
      grpst logs my_grps --since 14:05 --until 14:10
      grpst logs my_grps --set_level debug
    """  # noqa: D301 - \b is click\'s mark for text that is not wrapped
    service = find(name)
    if set_level is not None:
        _set_level(service, set_level)
        return
    line_filter = LineFilter(**filters)
    path = service.folder.log_dir / ("grps_usr.log" if user else "grps_server.log")
    if os.environ.get(STDERR_VARIABLE) and not path.exists():
        notice(f"logs of this service go to standard error: {STDERR_VARIABLE} is set")
        return
    follows = service.running and not no_follow and line_filter.until is None
    if follows and service.state is not None:
        try:
            follow_log(service.folder, service.state, path, lines, line_filter)
        except KeyboardInterrupt:
            notice("")
        return
    if not path.exists():
        notice(f"there is no log yet: {path}")
        return
    if line_filter.everything:
        click.echo(tail(path, lines)[0].decode("utf-8", "replace"), nl=False)
    else:
        click.echo("".join(last_lines(path, lines, line_filter)), nl=False)
    if not service.running:
        notice(f"service {name!r} does not run ({service.status})")


def _set_level(service: Service, level: str) -> None:
    if not service.running:
        raise click.ClickException(f"service {service.name!r} does not run ({service.status})")
    reply = set_log_level(service, level)
    say(f"service {service.name!r} writes lines of level {reply['level']} (was {reply['before']})")
