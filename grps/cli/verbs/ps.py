"""``grpst ps``."""

from __future__ import annotations

import time

import click

from grps.cli.names import complete_deployed
from grps.cli.output.lines import duration, notice
from grps.cli.output.table import print_table
from grps.cli.verbs.model import troubles
from grps.deploy.admin import list_models, read_status
from grps.deploy.supervision.services import Service, find, services
from grps.errors import DeployError

HEAD = ("PORT(HTTP,RPC)", "NAME", "PID", "DEPLOY_PATH", "STATUS", "UPTIME", "SERVER")
COLORS = {
    "ready": "green",
    "failed": "red",
    "crashed": "red",
    "unready": "red",
    "unresponsive": "red",
    "offline": "yellow",
    "draining": "yellow",
}
ASK_TIMEOUT_S = 2.0


@click.command("ps")
@click.option("-n", "--name", help="Show this service only.", shell_complete=complete_deployed)
@click.option("-a", "--all", "everything", is_flag=True, help="Show stopped services too.")
def command(name: str | None, everything: bool) -> None:
    """List the services on this machine: those that run, and those that crashed or failed.

    The status is what clients see: a service is ready, unready (with the cause below), offline (a
    client called offline) or unresponsive. With -n it fails (exit code 1) unless that service runs.

    \b
    Examples:
      grpst ps
      grpst ps --all
      grpst ps -n my_grps && echo it runs
    """  # noqa: D301 - \b is click\'s mark for text that is not wrapped
    if name is not None:
        service = find(name)
        if not service.running:
            raise click.ClickException(_why_not(service))
        shown = [service]
    else:
        shown = [one for one in services() if everything or one.status != "stopped"]
    rows: list[tuple[str, ...]] = [HEAD]
    notes: list[str] = []
    for one in shown:
        status, cause = read_status(one, ASK_TIMEOUT_S)
        rows.append(_row(one, status))
        notes += [f"{one.name}: {line}" for line in ([cause] if cause else [])]
        notes += [f"{one.name}: {line}" for line in _model_troubles(one, status, cause)]
    print_table(rows, colored=4, colors=COLORS)
    for note in notes or _advice(len(rows) - 1, everything):
        notice(note)


def _advice(shown: int, everything: bool) -> list[str]:
    """Return what to do when no service is shown."""
    if shown:
        return []
    if not everything and services():
        return ["no service runs; grpst ps --all shows those that are stopped"]
    return ["no service; grpst serve MODEL starts one, grpst example writes one to begin with"]


def _row(service: Service, status: str) -> tuple[str, ...]:
    state = service.state
    if state is None:
        return ("-", service.name, "-", str(service.folder.root), status, "-", "-")
    ports = ",".join(str(port) for port in state.ports) or "-"
    pid = str(state.pid) if service.running else "-"
    uptime = duration(time.time() - state.started_at) if service.running else "-"
    server = "native" if state.native else "python"
    return (ports, service.name, pid, str(service.folder.root), status, uptime, server)


def _model_troubles(service: Service, status: str, known: str) -> list[str]:
    """Report models that are not served and instances that are or were down."""
    if status not in ("ready", "unready", "offline"):
        return []
    try:
        models = list_models(service, timeout_s=ASK_TIMEOUT_S)
    except DeployError:
        return []
    unserved = [f"model {one['model']} is {one['state']}" for one in models if "since" not in one]
    return [line for line in (*unserved, *troubles(models)) if line != known]


def _why_not(service: Service) -> str:
    cause = f": {service.cause}" if service.cause else ""
    return f"service {service.name!r} does not run ({service.status}{cause})"
