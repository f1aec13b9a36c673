"""Following of a service's log on the terminal."""

from __future__ import annotations

import time
from pathlib import Path

import click

from grps.cli.output.lines import notice
from grps.deploy.logs.follow import follow
from grps.deploy.logs.lines import LineFilter, choose, last_lines, whole_lines
from grps.deploy.paths import ServiceFolder
from grps.deploy.supervision.services import inspect
from grps.server.state import ServiceState, alive

_POLL_S = 0.2


def follow_log(
    folder: ServiceFolder,
    state: ServiceState,
    path: Path,
    lines: int,
    line_filter: LineFilter = LineFilter(),  # noqa: B008 - it is frozen
) -> None:
    """Print the records that the filter accepts until the process of ``state`` ends.

    Raises:
        ClickException: The service ended badly.
    """

    def wait() -> bool:
        time.sleep(_POLL_S)
        return alive(state)

    if line_filter.everything:
        for text in follow(path, lines, wait):
            click.echo(text, nl=False)
    else:
        for line in last_lines(path, lines, line_filter):
            click.echo(line, nl=False)
        for line in choose(whole_lines(follow(path, 0, wait)), line_filter):
            click.echo(line, nl=False)
    ended = inspect(folder)
    if ended.status in ("crashed", "failed"):
        cause = f": {ended.cause}" if ended.cause else ""
        raise click.ClickException(f"service {folder.name!r} {ended.status}{cause}")
    notice(f"service {folder.name!r} stopped")
