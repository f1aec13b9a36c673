"""``grpst ps``."""

from __future__ import annotations

import time

import click

from grps.cli.names import complete_deployed
from grps.cli.output.lines import duration, notice
from grps.cli.output.table import print_table
from grps.cli.verbs.model import troubles
from grps.deploy.admin import list_models
from grps.deploy.supervision.services import Service, find, services
from grps.errors import DeployError
from grps.server.state import ServiceState

HEAD = ("PORT(HTTP,RPC)", "NAME", "PID", "DEPLOY_PATH", "STATUS", "UPTIME")
COLORS = {"ready": "green", "failed": "red", "crashed": "red", "draining": "yellow"}
ASK_TIMEOUT_S = 2.0


@click.command("ps")
@click.option("-n", "--name", help="Show this service only.", shell_complete=complete_deployed)
def command(name: str | None) -> None:
    """List the services on this machine: those that run, and those that crashed or failed.

    With -n it fails (exit code 1) unless that service runs.

    \b
    Examples:
      grpst ps
      grpst ps -n my_grps && echo it runs
    """  # noqa: D301 - \b is click\'s mark for text that is not wrapped
    if name is not None:
        service = find(name)
        if not service.running:
            raise click.ClickException(_why_not(service.name, service.status, service.state))
        shown = [service]
    else:
        shown = [one for one in services() if one.status != "stopped"]
    rows = [HEAD]
    for one in shown:
        state = one.state
        assert state is not None
        ports = ",".join(str(port) for port in state.ports) or "-"
        pid = str(state.pid) if one.running else "-"
        uptime = duration(time.time() - state.started_at) if one.running else "-"
        rows.append((ports, one.name, pid, str(one.folder.root), one.status, uptime))
    print_table(rows, colored=4, colors=COLORS)
    for one in shown:
        for line in _instance_troubles(one):
            notice(f"{one.name}: {line}")


def _instance_troubles(service: Service) -> list[str]:
    """Report instances that are or were down; nothing for a service that can't be reached."""
    if service.status != "ready":
        return []
    try:
        models = list_models(service, timeout_s=ASK_TIMEOUT_S)
    except DeployError:
        return []
    return troubles(models)


def _why_not(name: str, status: str, state: ServiceState | None) -> str:
    cause = state.error if state is not None else None
    return f"service {name!r} does not run ({status}{f': {cause}' if cause else ''})"
