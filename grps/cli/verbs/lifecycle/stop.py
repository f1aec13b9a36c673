"""``grpst stop``."""

from __future__ import annotations

import click

from grps.cli.names import complete_running
from grps.cli.output.lines import notice, say
from grps.cli.output.progress import ProgressLine
from grps.deploy.supervision.lock import starter_of
from grps.deploy.supervision.services import find
from grps.deploy.supervision.stopping import stop


@click.command("stop")
@click.argument("name", shell_complete=complete_running)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    help="Seconds it may take to finish its requests before it is killed.  "
    "[default: limits.drain_timeout_ms of server.yml and 5 s]",
)
def command(name: str, timeout: float | None) -> None:
    """Stop a service and wait until it has exited.

    The server stops accepting requests and finishes those it has; if that takes longer than the
    timeout it is killed. A service that is still starting is given up.

    \b
    Examples:
      grpst stop my_grps
      grpst stop my_grps --timeout 5
    """  # noqa: D301 - \b is click\'s mark for text that is not wrapped
    if starter_of(name) is None:
        find(name)
    with ProgressLine(f"stopping {name}") as line:
        stopped = stop(
            name,
            drain_timeout_s=timeout,
            on_wait=lambda detail, elapsed_s: line.show(detail, "", elapsed_s),
        )
    if stopped.starter is not None:
        say(f"service {name!r} stopped while it started (pid {stopped.starter} was starting it)")
        return
    if stopped.pid is None:
        notice(f"service {name!r} had already ended; what it left is cleaned up")
        return
    if stopped.killed:
        notice(f"service {name!r} did not finish in {stopped.elapsed_s:.1f} s and was killed")
    say(f"service {name!r} stopped (pid {stopped.pid}, {stopped.elapsed_s:.1f} s)")
