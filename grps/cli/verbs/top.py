"""``grpst top``."""

from __future__ import annotations

from typing import Any

import click
from rich.console import Group, RenderableType
from rich.text import Text

from grps.cli.names import complete_running
from grps.cli.output.lines import duration
from grps.cli.output.watching import USAGE_HEAD, FittingTable, percent, usage, watch, watching
from grps.deploy.admin import read_live
from grps.deploy.figures import read_figures
from grps.deploy.supervision.services import Service, services
from grps.errors import DeployError

ASK_TIMEOUT_S = 2.0
STAGES = ("queue", "batch_wait", "preprocess", "infer", "postprocess")
STAGE_COLORS = ("dark_orange", "yellow", "magenta", "blue", "cyan")
BAR_CELLS = 20
SERVICE_HEAD = (
    "SERVICE",
    "STATE",
    "UP",
    "REQ/S",
    "FAILED",
    "P50",
    "P90",
    "P99",
    "IN FLIGHT",
    *USAGE_HEAD,
)
STEP_HEAD = (
    "STEP MODEL",
    "RUNNING",
    "WAITING",
    "OUT/S",
    "FIRST P50",
    "P99",
    "BETWEEN P50",
    "P99",
    "CACHE",
)
MODEL_HEAD = ("MODEL", "CALLS/S", "FAILED", "P50", "P99", "QUEUE", "INST", "BUSY", "BATCH")

TIMES = "WHERE THE TIME GOES"
SPARE = ("P90", "BATCH", "UP", "MEMORY", "BETWEEN P50", "INST", "CPU", "BUSY")
"""Columns that a narrow terminal can do without, in this order."""


@click.command("top")
@click.argument("name", required=False, shell_complete=complete_running)
@watching
def command(name: str | None, interval: float, once: bool) -> None:
    """Watch the running services: rates, percentiles, queues, and where their time goes.

    All figures are of the latest minute; BUSY is the share of time in which the instances worked
    since the last look. Off a terminal, one look is printed. Ctrl-C ends it. The replicas of a
    cluster are watched by grpst cluster top.

    \b
    Examples:
      grpst top
      grpst top my_grps --interval 5
      grpst top --once
    """  # noqa: D301 - \b is click\'s mark for text that is not wrapped
    watch(View(name), interval, once=once)


class View:
    """What is shown; it remembers the last look, as shares of time need two."""

    def __init__(self, name: str | None) -> None:
        """Show one service, or all that run."""
        self._name = name
        self._before: dict[str, dict[str, Any]] = {}

    def look(self) -> Group:
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
            return Group(Text("no service is running; start one with grpst start"))
        table = FittingTable(SERVICE_HEAD, left=2, spare=SPARE)
        models: list[RenderableType] = []
        for service in running:
            self._add(service, table, models)
        return Group(table, *models)

    def _add(self, service: Service, table: FittingTable, models: list[RenderableType]) -> None:
        try:
            live = read_live(service, ASK_TIMEOUT_S)
        except DeployError as error:
            table.add_row(service.name, Text(str(service.status), "yellow"))
            models.append(Text(f"{service.name}: {error}", "red"))
            return
        before, self._before[service.name] = self._before.get(service.name), live
        state, figures = live["service"], read_figures(live)
        table.add_row(
            service.name,
            Text("ready", "green") if state["ready"] else Text("not ready", "red"),
            duration(figures.at - figures.started),
            f"{figures.rate:.1f}",
            percent(figures.failed, figures.succeeded + figures.failed),
            *(f"{ms:.1f} ms" for ms in (figures.p50_ms, figures.p90_ms, figures.p99_ms)),
            str(figures.in_flight),
            *usage(figures, None if before is None else read_figures(before)),
        )
        if not state["ready"]:
            models.append(Text(f"{service.name}: {state['reason']}", "red"))
        models.append(_models(before, live, service.name))


def _models(before: dict[str, Any] | None, live: dict[str, Any], service: str) -> Group:
    table = FittingTable((*MODEL_HEAD, TIMES), left=1, spare=SPARE)
    known = {model["model"]: model for model in before["models"]} if before else {}
    for model in live["models"]:
        minute = model["minute"]
        ended = minute["succeeded"] + minute["failed"]
        native = model["native"]
        table.add_row(
            model["model"],
            _rate(ended, minute["seconds"]),
            percent(minute["failed"], ended),
            f"{minute['duration']['p50_ms']:.1f} ms",
            f"{minute['duration']['p99_ms']:.1f} ms",
            str(model["queue_length"]),
            "-" if native else str(model["instances"]),
            "-" if native else _busy(known.get(model["model"]), model, before, live),
            f"{model['rows'] / model['batches']:.1f}" if model["batches"] else "-",
            _bar(minute),
        )
    key = Text("  ").join(
        Text.assemble(("■ ", color), stage)
        for stage, color in zip(STAGES, STAGE_COLORS, strict=True)
    )
    return Group(Text(f"\n{service}", "bold"), table, key, *_steps(live))


def _steps(live: dict[str, Any]) -> list[RenderableType]:
    """Return a table of the step models; of language models, outputs are tokens."""
    table = FittingTable(STEP_HEAD, left=1, spare=SPARE)
    for model in live["models"]:
        steps = model["steps"]
        if steps is None:
            continue
        minute, usage = steps["minute"], steps["cache_usage"]
        outputs = (
            minute["outputs"] if steps["tokens"] is None else steps["tokens"]["minute"]["generated"]
        )
        table.add_row(
            model["model"],
            f"{steps['slots_in_use']}/{steps['slots']}",
            str(steps["waiting"]),
            _rate(outputs, minute["seconds"]),
            *(
                f"{minute[what][percentile]:.1f} ms" if minute[what]["count"] else "-"
                for what in ("first_output", "between_outputs")
                for percentile in ("p50_ms", "p99_ms")
            ),
            "-" if usage is None else f"{100 * usage:.0f}%",
        )
    return [Text(), table] if table.row_count else []


def _bar(minute: dict[str, Any]) -> Text:
    """Draw the shares that the steps of a call have of its time."""
    total = minute["duration"]["mean_ms"] * minute["duration"]["count"]
    bar = Text()
    for stage, color in zip(STAGES, STAGE_COLORS, strict=True):
        spent = minute["stages"].get(stage)
        if spent is not None and total > 0:
            share = spent["mean_ms"] * spent["count"] / total
            bar.append("█" * round(BAR_CELLS * share), color)
    return bar


def _rate(count: int, seconds: int) -> str:
    return f"{count / max(1, seconds):.1f}"


def _busy(
    known: dict[str, Any] | None,
    model: dict[str, Any],
    before: dict[str, Any] | None,
    live: dict[str, Any],
) -> str:
    if known is None or before is None or live["time"] <= before["time"]:
        return "-"
    worked = max(0.0, model["busy_s"] - known["busy_s"])
    share = worked / (live["time"] - before["time"]) / max(1, model["instances"])
    return f"{100 * min(1.0, share):.0f}%"
