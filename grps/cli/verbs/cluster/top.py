"""``grpst cluster top``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

import click
import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from grps.cli.verbs.cluster.status import COLORS
from grps.cli.watching.cells import (
    BLANK,
    Cell,
    age,
    count,
    decimal,
    memory,
    ms,
    percent,
    usage,
    word,
)
from grps.cli.watching.fitting import Column, FittingTable
from grps.cli.watching.watch import watch, watching
from grps.cluster.commands import Status
from grps.cluster.connecting import connect
from grps.cluster.connection import ask
from grps.cluster.description import Replica
from grps.deploy.figures import Figures

COLUMNS = (
    Column("DEPLOYMENT", is_word=True),
    Column("STATE", is_word=True, spare=12),
    Column("HOST", is_word=True, spare=8),
    Column("UP", spare=2),
    Column("REQ/S", spare=11),
    Column("FAILED", spare=4),
    Column("P50", spare=7),
    Column("P90", spare=1, is_extra=True),
    Column("P99", spare=10),
    Column("IN FLIGHT", spare=9),
    Column("QUEUE", spare=3),
    Column("CPU", spare=6),
    Column("MEMORY", spare=5),
)


@click.command("top")
@click.argument("name", required=False)
@watching
def top(name: str | None, interval: float, once: bool) -> None:
    """Watch the deployments of the cluster and each of their replicas, on all hosts.

    Figures are of the latest minute, as the replicas report them to the director twice a second;
    CPU is that since the last look. On a terminal, keys select, sort and filter the replicas and
    open their details: ? shows them, q ends it. Off a terminal, one look is printed.

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

    def look(self) -> list[RenderableType]:
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
            return [Text("nothing is deployed; see grpst cluster deploy --help")]
        table = FittingTable(COLUMNS)
        troubles = [Text(trouble, "red") for trouble in found["troubles"]]
        for deployment in deployments:
            replicas = [msgspec.convert(one, Replica) for one in deployment["replicas"]]
            name = deployment["name"]
            table.add_row(*_sum(deployment, replicas), style="bold", group=name, is_head=True)
            for replica in replicas:
                cells = tuple(self._cells(replica))
                details = partial(_details, deployment, replica, cells)
                table.add_row(*cells, group=name, details=details)
                if replica.cause:
                    troubles.append(Text(f"{replica.name}: {replica.cause}", "red"))
        return [table, *troubles]

    def _cells(self, replica: Replica) -> Iterable[Cell]:
        figures = replica.figures
        state = word(replica.phase, COLORS.get(replica.phase, ""))
        host = word(replica.host or "-")
        if figures is None:
            return (word(f"  {replica.name}"), state, host)
        before = self._before.get(replica.name)
        if before is None or before.at < figures.at:
            self._before[replica.name] = figures
        return (
            word(f"  {replica.name}"),
            state,
            host,
            age(figures.at - figures.started),
            *_requests((figures,)),
            *map(ms, (figures.p50_ms, figures.p90_ms, figures.p99_ms)),
            count(figures.in_flight),
            count(replica.queue),
            *usage(figures, before),
        )


def _sum(deployment: dict[str, Any], replicas: list[Replica]) -> Iterable[Cell]:
    """Return the cells of a whole deployment; percentiles can't be added up."""
    figures = [one.figures for one in replicas if one.figures is not None]
    return (
        word(deployment["name"]),
        word(f"{deployment['ready']}/{deployment['wanted']} ready"),
        word(f"version {deployment['version']}"),
        BLANK,
        *_requests(figures),
        *(BLANK, BLANK, BLANK),
        count(sum(one.in_flight for one in figures)),
        count(sum(one.queue for one in replicas)),
        BLANK,
        memory(sum(one.memory_bytes for one in figures)),
    )


def _requests(figures: Iterable[Figures]) -> tuple[Cell, Cell]:
    """Return rate and failures, for cells."""
    every = list(figures)
    failed = sum(one.failed for one in every)
    return (
        decimal(sum(one.rate for one in every)),
        percent(failed, failed + sum(one.succeeded for one in every)),
    )


def _details(
    deployment: dict[str, Any], replica: Replica, cells: tuple[Cell, ...]
) -> RenderableType:
    """Return everything that the director knows of a replica."""
    figures = [
        *((column.title.lower(), cell.text) for column, cell in zip(COLUMNS, cells, strict=False)),
        ("address", replica.address or "-"),
        ("version", str(replica.version)),
        ("restarts", str(replica.restarts)),
    ]
    lines = [
        Text.assemble((replica.name, "bold"), f" of deployment {deployment['name']}"),
        Text(),
        *(Text.assemble((f"{name:<12}", "dim"), figure) for name, figure in figures[1:]),
    ]
    if replica.cause:
        lines += [Text(), Text(replica.cause, "red")]
    return Group(*lines)
