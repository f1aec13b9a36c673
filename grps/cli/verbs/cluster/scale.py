"""``grpst cluster scale`` and ``grpst cluster drain``."""

from __future__ import annotations

from typing import Any

import click

from grps.cli.output.lines import notice, say
from grps.cli.verbs.cluster import options
from grps.cluster.commands import Drain, Scale
from grps.cluster.connecting import connect
from grps.cluster.connection import ask

WAIT_S = 600.0


@click.command("scale")
@click.argument("name")
@click.argument("replicas", metavar="N[:M]", callback=options.replicas)
@click.option(
    "--target_load",
    type=click.FloatRange(min=0.001),
    help="Requests, running or waiting, that a replica should have.  [default: as it was]",
)
@click.option("--no_wait", is_flag=True, help="Don't wait until that many are ready.")
def scale(name: str, replicas: tuple[int, int], target_load: float | None, no_wait: bool) -> None:
    """Change how many replicas a deployment has; N:M follows its load between both.

    Replicas that are too many finish their requests first.

    \b
    Examples:
      grpst cluster scale ocr 3
      grpst cluster scale ocr 1:8 --target_load 4
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    connection = connect()
    fewest, most = replicas
    request = Scale(name=name, minimum=fewest, maximum=most, target_load=target_load)
    wanted = ask(connection, request)["wanted"]

    def look(status: dict[str, Any]) -> tuple[bool, str]:
        found = options.deployment_of(status, name)
        there = found["replicas"] if found is not None else []
        ready = sum(one["phase"] == "ready" for one in there)
        text = f"{ready} of {wanted} replicas are ready, {len(there) - ready} others"
        return ready == wanted == len(there), text

    if not no_wait and fewest == most:
        options.wait_for(connection, f"scaling {name}", WAIT_S, look)
    say(f"deployment {name}: {wanted} replicas wanted")
    connection.close()


@click.command("drain")
@click.argument("target", metavar="NAME|HOST")
@click.option("--undo", is_flag=True, help="Let a drained host have replicas again.")
@click.option("--no_wait", is_flag=True, help="Don't wait until all requests are finished.")
def drain(target: str, undo: bool, no_wait: bool) -> None:
    """Take all replicas away from a deployment, which is forgotten then, or from a host.

    Replicas of a host are started elsewhere first. Every replica finishes its requests, open
    streams too, as long as drain_timeout_ms in its server.yml allows.

    \b
    Examples:
      grpst cluster drain ocr
      grpst cluster drain host-3
      grpst cluster drain host-3 --undo
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    connection = connect()
    reply = ask(connection, Drain(target=target, undo=undo))
    if undo:
        say(f"host {target} may have replicas again")
        return
    notice(f"draining {reply['replicas']} replicas")

    def look(status: dict[str, Any]) -> tuple[bool, str]:
        if "host" in reply:
            replicas = [one for each in status["deployments"] for one in each["replicas"]]
            left = sum(one["host"] == target for one in replicas)
            return left == 0, f"{left} replicas are left on {target}"
        found = options.deployment_of(status, target)
        return found is None, f"{len(found['replicas']) if found else 0} replicas are left"

    if not no_wait:
        options.wait_for(connection, f"draining {target}", WAIT_S, look)
        say(f"{target} is drained")
    connection.close()
