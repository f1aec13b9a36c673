"""``grpst dev``."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from grps.cli.output.lines import notice
from grps.cli.serving import flag_checks


@click.command("dev")
@click.argument("path", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--port",
    callback=flag_checks.optional_ports,
    help="HTTP port and RPC port.  [default: what conf/server.yml says]",
)
def command(path: Path, port: str | None) -> None:
    """Serve a project in this terminal and restart it when one of its files changes.

    PATH is the project's folder. When the changed code can't be loaded, the cause is shown and the
    next change is waited for. The port stays the same. Ctrl-C ends it.

    \b
    Examples:
      grpst dev .
      grpst dev my_project --port 8080,8081
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    from grps.deploy.development import Development
    from grps.deploy.project.requirements import read_requirements

    for fault in read_requirements(path).missing():
        notice(f"note: {fault}; install it: pip install -r {path / 'requirements.txt'}")
    development = Development(path, port, lambda line: notice(f"dev: {line}"))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: development.end())
    development.run()
    notice("\ndev: stopped")
