"""Everything that a service reports of one model, on a screen of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from grps.cli.watching.cells import NOTHING, Cell, count, decimal, ms, percent, share, word
from grps.cli.watching.fitting import Column, FittingTable


class Stage(NamedTuple):
    """A step of a call."""

    name: str
    color: str
    title: str


STAGES = (
    Stage("queue", "dark_orange", "IN QUEUE"),
    Stage("batch_wait", "yellow", "BATCH WAIT"),
    Stage("preprocess", "magenta", "PREPROCESS"),
    Stage("infer", "blue", "INFER"),
    Stage("postprocess", "cyan", "POSTPROCESS"),
)
_WHY_SMALL = {
    "idle_instance": "an instance was idle",
    "timeout": "batch_timeout_us has passed",
    "shape": "other requests had other shapes",
    "key": "other requests had another batching key",
    "priority": "an urgent request does not wait",
    "size": "the next request did not fit",
}
_STEP_COLUMNS = (
    Column("STEP", is_word=True),
    Column("CALLS", spare=3),
    Column("MEAN", spare=2),
    Column("P50"),
    Column("P90"),
    Column("P99"),
    Column("OF THE TIME", spare=1),
)
_BATCH_COLUMNS = (Column("BATCHES", is_word=True), Column("COUNT"), Column("SHARE"))


@dataclass(frozen=True, slots=True)
class Looks:
    """What a service reports, and what it reported before."""

    service: str
    before: dict[str, Any] | None
    live: dict[str, Any]


def rate_of(minute: dict[str, Any]) -> float:
    """Return the calls per second that ended."""
    seconds: int = minute["seconds"]
    ended: int = minute["succeeded"] + minute["failed"]
    return ended / max(1, seconds)


def busy_share(looks: Looks, model: dict[str, Any]) -> float | None:
    """Return the share of time in which the instances worked; ``None`` without an earlier look."""
    before, live = looks.before, looks.live
    if before is None or live["time"] <= before["time"]:
        return None
    known = [one for one in before["models"] if one["model"] == model["model"]]
    if not known:
        return None
    worked: float = model["busy_s"] - known[0]["busy_s"]
    elapsed: float = live["time"] - before["time"]
    instances: int = model["instances"]
    return min(1.0, max(0.0, worked) / elapsed / max(1, instances))


def model_details(looks: Looks, model: dict[str, Any]) -> RenderableType:
    """Return the percentiles by step, the instances, the queue and the batches of a model."""
    title = Text.assemble((model["model"], "bold"), f" of service {looks.service}")
    parts: list[RenderableType] = [title, Text(), *_state(looks, model), Text(), _steps(model)]
    if model["batches"] and not model["native"]:
        parts += [Text(), _batches(model)]
    return Group(*parts)


def _state(looks: Looks, model: dict[str, Any]) -> list[Text]:
    minute = model["minute"]
    figures: list[tuple[str, Cell]] = [
        ("calls/s", decimal(rate_of(minute))),
        ("failed", percent(minute["failed"], minute["succeeded"] + minute["failed"])),
        ("in flight", count(model["in_flight"])),
        ("queue", count(model["queue_length"])),
    ]
    lines = [_line("the latest minute", figures)]
    if not model["native"]:
        instances = [
            ("number", count(model["instances"])),
            ("busy", share(busy_share(looks, model))),
            ("restarts", count(model["restarts"])),
        ]
        lines.append(_line("instances", instances))
    if model["auto"] is not None:
        auto = model["auto"]
        chosen = [("rows", count(auto["rows"])), ("at once", count(auto["concurrency"]))]
        chosen.append(("predicted", _seconds(auto["predicted_s"])))
        chosen.append(("slo", _seconds(auto["slo_s"])))
        lines.append(_line("batching: auto", chosen))
    if model["steps"] is not None:
        lines.append(_line("slots", _slots(model["steps"])))
    return lines


def _slots(steps: dict[str, Any]) -> list[tuple[str, Cell]]:
    return [
        ("in use", word(f"{steps['slots_in_use']} of {steps['slots']}")),
        ("waiting", count(steps["waiting"])),
        ("steps", count(steps["steps"])),
        ("preemptions", count(steps["preemptions"])),
        ("cache", share(steps["cache_usage"])),
    ]


def _seconds(value: float | None) -> Cell:
    return NOTHING if value is None else ms(1000 * value)


def _line(title: str, figures: list[tuple[str, Cell]]) -> Text:
    line = Text.assemble((f"{title:<18}", "dim"))
    for name, cell in figures:
        line.append_text(Text.assemble(f"{name} ", cell.text, "   "))
    line.rstrip()
    return line


def _steps(model: dict[str, Any]) -> FittingTable:
    """Return the times of the whole call and of its steps."""
    minute = model["minute"]
    table = FittingTable(_STEP_COLUMNS)
    whole = minute["duration"]
    total = whole["mean_ms"] * whole["count"]
    rows = [("whole call", "", whole)]
    rows += [
        (stage.name, stage.color, minute["stages"][stage.name])
        for stage in STAGES
        if stage.name in minute["stages"]
    ]
    if model["steps"] is not None:
        steps = model["steps"]["minute"]
        rows += [(name, "", steps[name]) for name in ("first_output", "between_outputs")]
    for name, color, spent in rows:
        part = spent["mean_ms"] * spent["count"] / total if color and total > 0 else None
        table.add_row(
            Cell(Text.assemble(("■ " if color else "  ", color), name)),
            count(spent["count"]),
            *(ms(spent[what]) for what in ("mean_ms", "p50_ms", "p90_ms", "p99_ms")),
            share(part) if color else Cell(""),
        )
    return table


def _batches(model: dict[str, Any]) -> FittingTable:
    """Return how many batches were full, and why others were not, since the start."""
    batches, small = model["batches"], model["small"]
    mean = Text(f"{batches} batches since the start, {model['rows'] / batches:.1f} rows on average")
    table = FittingTable(_BATCH_COLUMNS, mean)
    full = batches - sum(small.values())
    rows = [("full", full), *((_WHY_SMALL.get(name, name), small[name]) for name in small)]
    for name, number in sorted(rows, key=lambda row: -row[1]):
        if number > 0:
            table.add_row(word(name), count(number), percent(number, batches))
    return table
