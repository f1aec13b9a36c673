"""``grpst cluster status``."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from grps.cli.output.lines import notice, say
from grps.cli.output.table import print_table
from grps.cluster.commands import Status
from grps.cluster.connecting import connect
from grps.cluster.connection import ask

HEAD = ("REPLICA", "STATE", "HOST", "ENDPOINT", "VERSION", "RESTARTS", "LOAD", "QUEUE")
COLORS = {"ready": "green", "unready": "red", "failed": "red", "leaving": "yellow"}
GIB = 1 << 30


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="Everything the director knows, as JSON.")
def status(as_json: bool) -> None:
    """Show the hosts, the deployments and each replica of the cluster.

    LOAD is the number of requests that a replica runs or lets wait; QUEUE of those that wait.

    \b
    Examples:
      grpst cluster status
      grpst cluster status --json
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    connection = connect()
    found = ask(connection, Status())
    connection.close()
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    for host in found["hosts"]:
        say(_host(host))
    for deployment in found["deployments"]:
        say(_deployment(deployment))
    rows = [_row(one) for each in found["deployments"] for one in each["replicas"]]
    if rows:
        say("")
        print_table([HEAD, *rows], colored=1, colors=COLORS)
    for deployment in found["deployments"]:
        for replica in deployment["replicas"]:
            if replica["cause"]:
                notice(f"{replica['name']}: {replica['cause']}")
    for trouble in found["troubles"]:
        notice(trouble)


def _host(host: dict[str, Any]) -> str:
    state = "" if host["alive"] else " · lost"
    state = " · drained" if host["drained"] else state
    parts = [f"{host['cpus']:g} CPUs"]
    parts += [f"{host['gpus']:g} GPUs"] if host["gpus"] else []
    parts += [f"{host['memory_bytes'] / GIB:.1f} GiB", f"{host['replicas']} replicas"]
    return f"host       {host['name']} ({', '.join(parts)}){state}"


def _deployment(found: dict[str, Any]) -> str:
    fewest, most = found["minimum"], found["maximum"]
    bounds = "" if fewest == most else f", {fewest} to {most} by load"
    count = f"{found['ready']} of {found['wanted']} replicas ready{bounds}"
    state = " · draining" if found["removed"] else ""
    return f"deployment {found['name']} version {found['version']} ({count}){state}"


def _row(replica: dict[str, Any]) -> tuple[str, ...]:
    return (
        replica["name"],
        replica["phase"],
        replica["host"] or "-",
        replica["address"] or "-",
        str(replica["version"]),
        str(replica["restarts"]),
        str(replica["load"]),
        str(replica["queue"]),
    )
