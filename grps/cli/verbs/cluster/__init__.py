"""``grpst cluster``."""

from __future__ import annotations

import click

from grps.cli.verbs.cluster.cert import cert
from grps.cli.verbs.cluster.deploy import deploy
from grps.cli.verbs.cluster.running import down, up
from grps.cli.verbs.cluster.scale import drain, scale
from grps.cli.verbs.cluster.status import status
from grps.cli.verbs.cluster.top import top


@click.group("cluster")
def command() -> None:
    """Run services as replicas on several hosts, kept running by a director.

    Ray places the replicas on its hosts (pip install 'grpst[ray]'); with --local they run on this
    machine, without Ray. The director starts replicas again that die, follows their load between
    two numbers, changes versions one replica at a time, and gives the table of their endpoints to
    the services that call them.

    \b
    Examples:
      grpst cluster up
      grpst cluster deploy server.mar --name ocr --replicas 1:4 --cpus 2
      grpst cluster status
      grpst cluster top
      grpst cluster deploy better.mar --name ocr     # a rolling change of the version
      grpst cluster scale ocr 3
      grpst cluster drain ocr
      grpst cluster down
    """  # noqa: D301 - \b is click's mark for text that is not wrapped


for verb in (up, deploy, status, top, scale, drain, cert, down):
    command.add_command(verb)
