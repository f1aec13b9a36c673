"""``grpst cluster up`` and ``grpst cluster down``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from grps.cli.output.lines import notice, say
from grps.cli.output.progress import ProgressLine
from grps.cli.verbs.cluster import options
from grps.cluster.commands import Down, Status
from grps.cluster.connecting import connect
from grps.cluster.connection import ask
from grps.cluster.known import Known, cluster_folder, forget, known_cluster, remember
from grps.errors import DeployError

DRAIN_S = 600.0


@click.command("up")
@click.option("--address", metavar="HOST:PORT", help="Use this cluster of Ray; start none.")
@click.option("--local", is_flag=True, help="Run replicas on this machine only, without Ray.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=6379,
    show_default=True,
    help="Of Ray's control plane, when it is started here.",
)
@click.option("--num_cpus", type=click.IntRange(min=1), help="Of this machine, for replicas.")
@click.option("--num_gpus", type=click.IntRange(min=0), help="Of this machine, for replicas.")
@click.option(
    "--token_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Ray's token.  [default: ~/.grps/.cluster/token, made if it is missing]",
)
def up(
    address: str | None,
    local: bool,
    port: int,
    num_cpus: int | None,
    num_gpus: int | None,
    token_file: Path | None,
) -> None:
    """Start the director, and Ray on this machine unless there is a cluster of Ray already.

    Ray that is started here asks for a token, keeps the state of its control plane in a folder,
    notices a lost host within seconds, and its control plane is started again when it dies. On a
    cluster that others have started, these are checked, and what is missing is told.

    \b
    Examples:
      grpst cluster up                              # Ray on this machine; others may join
      grpst cluster up --address 10.0.0.5:6379      # a cluster of Ray that runs
      grpst cluster up --local                      # without Ray
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    if local and (address or num_cpus or num_gpus or token_file):
        raise click.UsageError("--local runs without Ray; leave the flags of Ray out")
    before = known_cluster()
    kind = "local" if local else "ray"
    if before is not None and before.kind != kind:
        raise DeployError(
            f"this machine has a cluster of another kind ({before.kind}); end it first with: "
            "grpst cluster down"
        )
    if local:
        from grps.cluster.local.client import start_director

        with ProgressLine("starting the director"):
            start_director(cluster_folder())
        remember(Known(kind="local"))
    else:
        _up_ray(before, address, port, num_cpus, num_gpus, token_file)
    connection = connect()
    about = ask(connection, Status())["director"]
    connection.close()
    say(f"director   on {about['host']} (pid {about['pid']})")
    say("deploy     grpst cluster deploy MODEL --name NAME")


def _up_ray(
    before: Known | None,
    address: str | None,
    port: int,
    num_cpus: int | None,
    num_gpus: int | None,
    token_file: Path | None,
) -> None:
    from grps.cluster.ray.checks import check_cluster
    from grps.cluster.ray.connection import start_director
    from grps.cluster.ray.starting import Node, start_ray, token_of

    token = token_of(token_file, make=address is None)
    if address is not None:
        known = Known(kind="ray", address=address, token_file=str(token or ""))
    else:
        node = Node(port=port, num_cpus=num_cpus, num_gpus=num_gpus)
        with ProgressLine("starting Ray") as line:
            known = start_ray(before, node, token, lambda text, at_s: line.show("", text, at_s))
        say(f"Ray        {known.address}")
        say(f"token      {known.token_file}")
    with ProgressLine("starting the director"):
        start_director(known)
    remember(known)
    for warning in check_cluster(known):
        notice(f"warning: {warning}")


@click.command("down")
@click.option("--keep_replicas", is_flag=True, help="End the director only.")
def down(keep_replicas: bool) -> None:
    """Drain all replicas, end the director, and Ray if grpst cluster up has started it.

    \b
    Examples:
      grpst cluster down
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    known = known_cluster()
    if known is None:
        raise DeployError("this machine knows no cluster")
    if not keep_replicas:
        _drain_all()
    if known.kind == "local":
        from grps.cluster.local.client import stop_director

        stop_director(cluster_folder())
    else:
        from grps.cluster.ray.connection import forget_state
        from grps.cluster.ray.connection import stop_director as stop_ray_director
        from grps.cluster.ray.starting import stop_ray

        stop_ray_director(known)
        if not keep_replicas:
            forget_state(known)
            stop_ray(known)
    if keep_replicas:
        say("the director has ended, its replicas run on; go on with: grpst cluster up")
        return
    forget()
    say("the cluster is down")


def _drain_all() -> None:
    connection = connect()
    ask(connection, Down())

    def look(status: dict[str, Any]) -> tuple[bool, str]:
        left = sum(len(one["replicas"]) for one in status["deployments"])
        return not status["deployments"], f"{left} replicas are left"

    options.wait_for(connection, "draining", DRAIN_S, look)
    connection.close()
