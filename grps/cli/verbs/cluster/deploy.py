"""``grpst cluster deploy``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from grps.cli.output.byte_progress import ByteProgress
from grps.cli.output.lines import notice, say
from grps.cli.verbs.cluster import options
from grps.cli.verbs.version import grps_version
from grps.cluster.commands import Deploy
from grps.cluster.connecting import connect
from grps.cluster.connection import ask, send_archive
from grps.cluster.description import Bounds, Choices, Front, Version
from grps.errors import DeployError
from grps.server.files import absolute

POSITIVE, NOT_NEGATIVE = click.FloatRange(min=0.001), click.FloatRange(min=0)


@click.command("deploy")
@click.argument("source", metavar="MAR|PROJECT|MODEL", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--name", required=True, callback=options.deployment_name, help="Name of the deployment."
)
@click.option(
    "--replicas",
    metavar="N[:M]",
    callback=options.replicas,
    help="How many run; N:M follows the load between both.  [default: as it was, or 1]",
)
@click.option(
    "--target_load",
    type=POSITIVE,
    default=8.0,
    show_default=True,
    help="Requests, running or waiting, that a replica should have when N:M is given.",
)
@click.option("--cpus", type=NOT_NEGATIVE, help="Of each replica.  [default: as it was, or 1]")
@click.option("--gpus", type=NOT_NEGATIVE, help="Of each replica.  [default: as it was, or 0]")
@click.option("--memory", metavar="SIZE", callback=options.size, help="Such as 512MiB or 4GiB.")
@click.option(
    "--spread/--no_spread",
    default=None,
    help="Never two replicas of a version on one host.  [default: as it was, or no]",
)
@click.option(
    "--hosts_per_replica",
    type=click.IntRange(1, 64),
    help="An engine over several hosts; --cpus, --gpus and --memory are for each.",
)
@click.option(
    "--tls", metavar="FOLDER", help="Certificates, at this path on each host; kept for later."
)
@click.option("--insecure", is_flag=True, help="Answer every host, without TLS; kept for later.")
@click.option(
    "--front",
    "fronts",
    metavar="URL",
    multiple=True,
    help="A service outside of the cluster that gets the endpoints; several times for several.",
)
@click.option("--front_token_file", help="File of the director's host with their admin token.")
@click.option("--device", default="cpu", show_default=True, help="Of a bare model.")
@click.option("--converter", help="Of a bare model.")
@click.option("--timeout", type=POSITIVE, default=300.0, show_default=True, help="Of one start.")
@click.option("--no_wait", is_flag=True, help="Don't wait until all replicas are ready.")
def deploy(source: Path, **flags: Any) -> None:
    """Run an archive, a project's folder or a model as replicas of the cluster.

    The archive is sent to the hosts that run it. A deployment of this name gets it as its next
    version: a new replica has to be ready before an old one is drained, so no request is lost. A
    version that does not start changes nothing.

    Replicas listen on the loopback of their host. Where the cluster has several hosts, give them
    certificates (--tls), or let everybody call them (--insecure).

    \b
    Examples:
      grpst cluster deploy model.onnx --name ocr
      grpst cluster deploy server.mar --name ocr --replicas 1:4 --cpus 2 --memory 4GiB
      grpst cluster deploy ./front --name front --replicas 2 --spread --tls /etc/grps/certificates
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    from grps.cluster.packing import ModelChoices, pack_source

    name, timeout_s = flags["name"], flags["timeout"]
    if flags["tls"] is not None and flags["insecure"]:
        raise click.UsageError("--tls and --insecure exclude each other")
    if flags["insecure"]:
        notice("warning: the replicas answer everybody who reaches their hosts, without TLS")
    connection = connect()
    choices = ModelChoices(name=name, device=flags["device"], converter=flags["converter"])
    with tempfile.TemporaryDirectory(prefix="grps_deploy_") as folder:
        with ByteProgress() as progress:
            packed = pack_source(source, Path(folder), choices, grps_version(), progress.show)
        digest = send_archive(connection, packed.path)
        size = packed.path.stat().st_size
    version = Version(
        archive=digest,
        size=size,
        source=str(absolute(source)),
        uses=packed.uses,
        tls=None if flags["tls"] is None else str(absolute(Path(flags["tls"]))),
        insecure=flags["insecure"],
        start_timeout_s=timeout_s,
    )
    token_file = flags["front_token_file"]
    reply = ask(
        connection,
        Deploy(
            name=name,
            version=version,
            bounds=_bounds(flags),
            choices=Choices(
                cpus=flags["cpus"],
                gpus=flags["gpus"],
                memory_bytes=flags["memory"],
                hosts=flags["hosts_per_replica"],
                spread=flags["spread"],
            ),
            fronts=tuple(Front(url=url, token_file=token_file) for url in flags["fronts"]),
        ),
    )
    say(f"deployment {name}: version {reply['version']}, {reply['wanted']} replicas wanted")
    if not flags["no_wait"]:
        _wait(connection, name, timeout_s)
    connection.close()


def _bounds(flags: dict[str, Any]) -> Bounds | None:
    if flags["replicas"] is None:
        return None
    fewest, most = flags["replicas"]
    return Bounds(minimum=fewest, maximum=most, target_load=flags["target_load"])


def _wait(connection: Any, name: str, timeout_s: float) -> None:
    """Wait until every replica has the version and is ready."""

    def look(status: dict[str, Any]) -> tuple[bool, str]:
        found = options.deployment_of(status, name)
        if found is None:
            raise DeployError(f"deployment {name!r} was drained meanwhile")
        current = [one for one in found["replicas"] if one["version"] == found["version"]]
        ready = [one for one in current if one["phase"] == "ready"]
        if halted := [line for line in status["troubles"] if line.startswith(f"{name}: ")]:
            raise DeployError(halted[0])
        others = len(found["replicas"]) - len(current)
        waits = [one["cause"] for one in current if one["phase"] != "ready" and one["cause"]]
        why = f"; {waits[0]}" if waits else ""
        text = f"{len(ready)} of {found['wanted']} replicas are ready{why}"
        return len(ready) >= found["wanted"] and others == 0, text

    status = options.wait_for(connection, f"waiting for {name}", timeout_s * 2, look)
    found = options.deployment_of(status, name)
    for replica in found["replicas"] if found is not None else ():
        say(f"  {replica['name']} on {replica['host']} at {replica['address']}")
