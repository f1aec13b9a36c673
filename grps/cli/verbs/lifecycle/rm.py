"""``grpst rm``."""

from __future__ import annotations

import click

from grps.cli.names import complete_deployed
from grps.cli.output.lines import say
from grps.cli.output.progress import ProgressLine
from grps.deploy.supervision.removing import remove
from grps.deploy.supervision.services import find
from grps.deploy.supervision.stopping import stop


@click.command("rm")
@click.argument(
    "names", metavar="NAME...", nargs=-1, required=True, shell_complete=complete_deployed
)
@click.option("--force", "-f", is_flag=True, help="Stop a service that runs, then remove it.")
def command(names: tuple[str, ...], force: bool) -> None:
    """Remove stopped services: their folders with configuration, logs and unpacked archive.

    Model files and project folders that a service refers to stay.

    \b
    Examples:
      grpst rm my_grps
      grpst rm old older --force
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    for name in names:
        find(name)
    for name in dict.fromkeys(names):
        if force and find(name).running:
            with ProgressLine(f"stopping {name}") as line:
                stop(name, on_wait=lambda detail, elapsed_s: line.show(detail, "", elapsed_s))
        say(f"service {name!r} removed ({remove(name)})")
