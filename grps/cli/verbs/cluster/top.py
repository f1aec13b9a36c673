"""``grpst cluster top``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click
import msgspec
from rich.console import Group
from rich.text import Text

from grps.cli.output.lines import duration
from grps.cli.output.watching import USAGE_HEAD, FittingTable, percent, usage, watch, watching
from grps.cli.verbs.cluster.status import COLORS
from grps.cluster.commands import Status
from grps.cluster.connecting import connect
from grps.cluster.connection import ask
from grps.cluster.description import Replica
from grps.deploy.figures import Figures

HEAD = (
    "DEPLOYMENT",
    "STATE",
    "HOST",
    "UP",
    "REQ/S",
    "FAILED",
    "P50",
    "P99",
    "IN FLIGHT",
    "QUEUE",
    *USAGE_HEAD,
)
SPARE = ("UP", "QUEUE", "FAILED", "MEMORY", "CPU")
"""Columns that a narrow terminal can do without, in this order."""


@click.command("top")
@click.argument("name", required=False)
@watching
def top(name: str | None, interval: float, once: bool) -> None:
    """Watch the deployments of the cluster and each of their replicas, on all hosts.

    Figures are of the latest minute, as the replicas report them to the director twice a second;
    CPU is that since the last look. Off a terminal, one look is printed. Ctrl-C ends it.

    \b
    Examples:
      grpst cluster top
      grpst cluster top ocr --once
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    watch(ClusterView(name), interval, once=once)


class ClusterView:
    """The replicas; it remembers the last look, as shares of time need two."""

    def __init__(self, name: str | None) -> None:
        """Show one deployment, or all."""
        self._name = name
        self._before: dict[str, Figures] = {}

    def look(self) -> Group:
        """Return a table of what the director knows.

        Raises:
            ClickException: There is no such deployment.
        """
        connection = connect()
        try:
            found = ask(connection, Status())
        finally:
            connection.close()
        deployments = [
            one for one in found["deployments"] if self._name is None or one["name"] == self._name
        ]
        if not deployments:
            if self._name is not None:
                raise click.ClickException(
                    f"no deployment is called {self._name!r}; see grpst cluster status"
                )
            return Group(Text("nothing is deployed; see grpst cluster deploy --help"))
        table = FittingTable(HEAD, left=3, spare=SPARE)
        troubles = [Text(trouble, "red") for trouble in found["troubles"]]
        for deployment in deployments:
            replicas = [msgspec.convert(one, Replica) for one in deployment["replicas"]]
            table.add_row(*_sum(deployment, replicas), style="bold")
            for replica in replicas:
                table.add_row(*self._cells(replica))
                if replica.cause:
                    troubles.append(Text(f"{replica.name}: {replica.cause}", "red"))
        return Group(table, *troubles)

    def _cells(self, replica: Replica) -> Iterable[str | Text]:
        figures = replica.figures
        state = Text(replica.phase, COLORS.get(replica.phase, ""))
        host = replica.host or "-"
        if figures is None:
            return (f"  {replica.name}", state, host)
        before = self._before.get(replica.name)
        if before is None or before.at < figures.at:
            self._before[replica.name] = figures
        return (
            f"  {replica.name}",
            state,
            host,
            duration(figures.at - figures.started),
            *_requests((figures,)),
            f"{figures.p50_ms:.1f} ms",
            f"{figures.p99_ms:.1f} ms",
            str(figures.in_flight),
            str(replica.queue),
            *usage(figures, before),
        )


def _sum(deployment: dict[str, Any], replicas: list[Replica]) -> Iterable[str | Text]:
    """Return the cells of a whole deployment; percentiles can't be added up."""
    figures = [one.figures for one in replicas if one.figures is not None]
    ready = f"{deployment['ready']}/{deployment['wanted']} ready"
    return (
        deployment["name"],
        ready,
        f"version {deployment['version']}",
        "",
        *_requests(figures),
        "",
        "",
        str(sum(one.in_flight for one in figures)),
        str(sum(one.queue for one in replicas)),
        "",
        f"{sum(one.memory_bytes for one in figures) / 2**20:.0f} MiB",
    )


def _requests(figures: Iterable[Figures]) -> tuple[str, str]:
    """Return rate and failures, for cells."""
    every = list(figures)
    failed = sum(one.failed for one in every)
    return (
        f"{sum(one.rate for one in every):.1f}",
        percent(failed, failed + sum(one.succeeded for one in every)),
    )
