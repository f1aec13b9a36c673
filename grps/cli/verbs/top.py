"""``grpst top``."""

from __future__ import annotations

from functools import partial
from typing import Any

import click
from rich.console import RenderableType
from rich.text import Text

from grps.cli.names import complete_running
from grps.cli.watching.cells import (
    NOTHING,
    Cell,
    age,
    count,
    decimal,
    ms,
    percent,
    share,
    usage,
    word,
)
from grps.cli.watching.fitting import Column, FittingTable
from grps.cli.watching.model_details import STAGES, Looks, busy_share, model_details, rate_of
from grps.cli.watching.watch import watch, watching
from grps.deploy.admin import read_live
from grps.deploy.figures import read_figures
from grps.deploy.supervision.services import Service, services
from grps.errors import DeployError

ASK_TIMEOUT_S = 2.0
BAR_CELLS = 20
SERVICE_COLUMNS = (
    Column("SERVICE", is_word=True),
    Column("STATE", is_word=True, spare=9),
    Column("UP", spare=2),
    Column("REQ/S", spare=10),
    Column("FAILED", spare=6),
    Column("P50", spare=7),
    Column("P90", spare=1),
    Column("P99", spare=8),
    Column("IN FLIGHT", spare=5),
    Column("CPU", spare=4),
    Column("MEMORY", spare=3),
)
MODEL_COLUMNS = (
    Column("MODEL", is_word=True),
    Column("CALLS/S", spare=16),
    Column("FAILED", spare=13),
    Column("MEAN", spare=7, is_extra=True),
    Column("P50", spare=14),
    Column("P90", spare=8, is_extra=True),
    Column("P99", spare=17),
    Column("QUEUE", spare=15),
    Column("INST", spare=10),
    Column("BUSY", spare=11),
    Column("BATCH", spare=9),
    *(
        Column(stage.title, spare=spare, is_extra=True)
        for stage, spare in zip(STAGES, (5, 2, 3, 6, 4), strict=True)
    ),
    Column("RESTARTS", spare=1, is_extra=True),
    Column("WHERE THE TIME GOES", spare=12),
)
STEP_COLUMNS = (
    Column("STEP MODEL", is_word=True),
    Column("RUNNING", spare=7),
    Column("WAITING", spare=5),
    Column("OUT/S", spare=8),
    Column("FIRST P50", spare=6),
    Column("P99", spare=2),
    Column("BETWEEN P50", spare=4),
    Column("P99", spare=1),
    Column("CACHE", spare=3),
)


@click.command("top")
@click.argument("name", required=False, shell_complete=complete_running)
@watching
def command(name: str | None, interval: float, once: bool) -> None:
    """Watch the running services: rates, percentiles, queues, and where their time goes.

    All figures are of the latest minute; BUSY is the share of time in which the instances worked
    since the last look. On a terminal, keys select, sort and filter the models and open their
    details: ? shows them, q ends it. Off a terminal, one look is printed. The replicas of a cluster
    are watched by grpst cluster top.

    \b
    Examples:
      grpst top
      grpst top my_grps --interval 5
      grpst top --once
    """  # noqa: D301 - \b is click's mark for text that is not wrapped
    watch(View(name), interval, once=once)


class View:
    """What is shown; it remembers the last look, as shares of time need two."""

    def __init__(self, name: str | None) -> None:
        """Show one service, or all that run."""
        self._name = name
        self._before: dict[str, dict[str, Any]] = {}

    def look(self) -> list[RenderableType]:
        """Return tables of what all services report.

        Raises:
            ClickException: The named service does not run.
        """
        running = [one for one in services() if one.running]
        if self._name is not None:
            running = [one for one in running if one.name == self._name]
            if not running:
                raise click.ClickException(f"no service {self._name!r} is running; see grpst ps")
        if not running:
            return [Text("no service is running; start one with grpst start")]
        table = FittingTable(SERVICE_COLUMNS)
        models: list[RenderableType] = []
        for service in running:
            self._add(service, table, models)
        return [table, *models]

    def _add(self, service: Service, table: FittingTable, models: list[RenderableType]) -> None:
        try:
            live = read_live(service, ASK_TIMEOUT_S)
        except DeployError as error:
            table.add_row(word(service.name), word(str(service.status), "yellow"))
            models.append(Text(f"{service.name}: {error}", "red"))
            return
        looks = Looks(service.name, self._before.get(service.name), live)
        self._before[service.name] = live
        state, figures = live["service"], read_figures(live)
        table.add_row(
            word(service.name),
            word("ready", "green") if state["ready"] else word("not ready", "red"),
            age(figures.at - figures.started),
            decimal(figures.rate),
            percent(figures.failed, figures.succeeded + figures.failed),
            *map(ms, (figures.p50_ms, figures.p90_ms, figures.p99_ms)),
            count(figures.in_flight),
            *usage(figures, None if looks.before is None else read_figures(looks.before)),
        )
        if not state["ready"]:
            models.append(Text(f"{service.name}: {state['reason']}", "red"))
        models += [_models(looks), *_steps(live, service.name)]


def _models(looks: Looks) -> FittingTable:
    key = Text("  ").join(Text.assemble(("■ ", stage.color), stage.name) for stage in STAGES)
    heading = Text(f"\n{looks.service}", "bold")
    table = FittingTable(MODEL_COLUMNS, heading, key)
    for model in looks.live["models"]:
        minute, native = model["minute"], model["native"]
        spent = minute["duration"]
        table.add_row(
            word(model["model"]),
            decimal(rate_of(minute)),
            percent(minute["failed"], minute["succeeded"] + minute["failed"]),
            *(ms(spent[what]) for what in ("mean_ms", "p50_ms", "p90_ms", "p99_ms")),
            count(model["queue_length"]),
            NOTHING if native else count(model["instances"]),
            NOTHING if native else share(busy_share(looks, model)),
            decimal(model["rows"] / model["batches"]) if model["batches"] else NOTHING,
            *(_mean_of(minute, stage.name) for stage in STAGES),
            NOTHING if native else count(model["restarts"]),
            _bar(minute),
            group=looks.service,
            details=partial(model_details, looks, model),
        )
    return table


def _steps(live: dict[str, Any], service: str) -> list[RenderableType]:
    """Return a table of the step models; of language models, outputs are tokens."""
    table = FittingTable(STEP_COLUMNS, Text())
    for model in live["models"]:
        steps = model["steps"]
        if steps is None:
            continue
        minute, cache = steps["minute"], steps["cache_usage"]
        outputs = (
            minute["outputs"] if steps["tokens"] is None else steps["tokens"]["minute"]["generated"]
        )
        table.add_row(
            word(model["model"]),
            word(f"{steps['slots_in_use']}/{steps['slots']}"),
            count(steps["waiting"]),
            decimal(outputs / max(1, minute["seconds"])),
            *(
                ms(minute[what][percentile]) if minute[what]["count"] else NOTHING
                for what in ("first_output", "between_outputs")
                for percentile in ("p50_ms", "p99_ms")
            ),
            share(cache),
            group=service,
        )
    return [table] if table.rows else []


def _mean_of(minute: dict[str, Any], stage: str) -> Cell:
    spent = minute["stages"].get(stage)
    return NOTHING if spent is None else ms(spent["mean_ms"])


def _bar(minute: dict[str, Any]) -> Cell:
    """Draw the shares that the steps of a call have of its time."""
    total = minute["duration"]["mean_ms"] * minute["duration"]["count"]
    bar = Text()
    for stage in STAGES:
        spent = minute["stages"].get(stage.name)
        if spent is not None and total > 0:
            part = spent["mean_ms"] * spent["count"] / total
            bar.append("█" * round(BAR_CELLS * part), stage.color)
    return Cell(bar, total)
