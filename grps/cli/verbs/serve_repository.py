"""``grpst serve_repository``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

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
from grps.deploy.paths import DEFAULT_NAME
from grps.deploy.project.repository_project import RepositoryProject, write_repository
from grps.deploy.supervision.supervisor import claim, server_command
from grps.server.project import Project

_POLL = re.compile(r"([0-9]{1,6})(s|m|h|)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
LONGEST_POLL_S = 86_400


def _poll(_: click.Context, __: click.Parameter, value: str | None) -> int:
    if value is None:
        return 0
    found = _POLL.fullmatch(value)
    seconds = int(found[1]) * _SECONDS[found[2]] if found is not None else 0
    if not 1 <= seconds <= LONGEST_POLL_S:
        raise click.BadParameter(f"{value!r} is no time from 1s to 24h, such as 5s or 1m")
    return seconds


@click.command("serve_repository")
@click.argument("root", metavar="DIR", type=FOLDER)
@click.option(
    "--name",
    default=DEFAULT_NAME,
    show_default=True,
    callback=flag_checks.service_name,
    help="Name of the service.",
)
@click.option(
    "--host",
    default="0.0.0.0",
    show_default=True,
    help="Address to listen on; 127.0.0.1 keeps the service to this machine.",
)
@click.option(
    "--port",
    default="7080,7081",
    show_default=True,
    callback=flag_checks.ports,
    help="HTTP port and RPC port.",
)
@click.option(
    "--poll",
    "poll_s",
    callback=_poll,
    help="Read the repository so often, such as 5s, and load what has changed.  [default: never]",
)
@start_options.TIMEOUT
@start_options.NO_LOGGING
@start_options.FOREGROUND
def command(root: Path, name: str, timeout: float, poll_s: int, **flags: Any) -> None:
    """Put the models of a repository in Triton's layout online.

    DIR has a folder for each model, with a folder for each version and, if it is needed, a
    config.pbtxt: DIR/NAME/1/model.onnx. A version is loaded when two readings of its files are the
    same, so a copy that is still being made is never served.

    \b
    Examples:
      grpst serve_repository models/
      grpst serve_repository models/ --poll 5s --name vision --port 7090,7091
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    folder = service_folder(name, foreground=flags["foreground"])
    host, ports = flags["host"], flags["port"]
    project = RepositoryProject(root=root, poll_seconds=poll_s, host=host, ports=ports)
    with claim(folder):
        for note in write_repository(folder, project):
            notice(f"note: {note}")
        server = server_command(folder)
        if flags["foreground"]:
            become_server(folder, folder.root, server)
            return
        state = start_in_background(folder, server, timeout)
    summarise(folder, state, shown_of(Project.read(folder.root)))
    if not flags["no_logging"]:
        follow(folder, state)
