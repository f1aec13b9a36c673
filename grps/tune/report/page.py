"""A search as one page of HTML, which loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from grps.perf.report.document import document, table_of
from grps.perf.report.plots import Axis, Series, lines
from grps.perf.report.text import milliseconds, rate_text
from grps.tune.curves.curve import Curve
from grps.tune.outcome import Outcome
from grps.tune.patch import to_yaml
from grps.tune.report.text import lines as text_lines
from grps.tune.report.text import table
from grps.tune.trials.result import Trial

_SHOWN = 15
"""Predictions in the table."""


def to_page(outcome: Outcome) -> str:
    """Return a search as a page."""
    about = (
        f"{outcome.started_at} · {outcome.goal.text} · {outcome.machine['cpu']}, "
        f"{outcome.machine['cpus']} CPUs"
    )
    said = "".join(f"<li>{escape(line)}</li>" for line in text_lines(outcome))
    body = (
        f"{table_of(table(outcome))}<ul>{said}</ul>"
        f'<h2>inference.yml</h2><div class="wide"><pre>{escape(to_yaml(outcome))}</pre></div>'
        f'<h2>Measured in process</h2><div class="plots">{_curves(outcome)}</div>'
        f"<h2>Predicted by simulation</h2>{_predictions(outcome)}"
        f'<h2>Tried under load</h2><div class="plots">{_tried(outcome)}</div>{_trials(outcome)}'
    )
    return document(f"Settings for {outcome.base.key}", about, body)


def _curves(outcome: Outcome) -> str:
    alone = [(one.variant.text, one.alone) for one in outcome.curves]
    busiest = [
        (f"{one.variant.text}, {_side_by_side(curve)}", curve)
        for one in outcome.curves
        for curve in one.found
        if curve.parallel == max(found.parallel for found in one.found)
    ]
    sizes = sorted({at.rows for _, one in alone for at in one.points})
    rows = Axis("rows of a batch", ticks=tuple(map(float, sizes)), is_log=True)
    times = [Series(name, [(float(at.rows), at.ms) for at in one.points]) for name, one in alone]
    rates = [
        Series(
            name, [(float(at.rows), rate) for at, rate in zip(one.points, one.rates, strict=True)]
        )
        for name, one in busiest
    ]
    latency = Axis("run", milliseconds, is_log=True)
    return lines("Latency of a batch that runs alone", times, rows, latency) + lines(
        "Rows per second without a pause", rates, rows, Axis("rows/s")
    )


def _side_by_side(curve: Curve) -> str:
    where = "" if curve.isolation == "thread" else " in processes"
    return f"{curve.parallel} at once{where}"


def _predictions(outcome: Outcome) -> str:
    if not outcome.ranked:
        return "<p>No settings are expected to hold the limit.</p>"
    head = ("SETTINGS", "RATE", outcome.goal.limit.metric.upper(), "MEAN BATCH", "CPU")
    return table_of([head, *_prediction_rows(outcome)])


def _prediction_rows(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    for one in outcome.ranked[:_SHOWN]:
        at = one.predicted
        if at is not None:
            yield (
                one.settings.text,
                f"{rate_text(at.rate)}/s",
                milliseconds(at.latency_ms),
                f"{at.mean_batch:.1f}",
                milliseconds(at.cpu_ms),
            )


def _tried(outcome: Outcome) -> str:
    names = dict.fromkeys(one.name for one in outcome.trials)
    limit_ms = outcome.goal.limit_ms
    series = [Series(name, _points(outcome.trials, name, limit_ms)) for name in names]
    rates = [one.rate for one in outcome.trials]
    if rates:
        series.append(Series("limit", [(min(rates), limit_ms), (max(rates), limit_ms)]))
    latency = Axis(outcome.goal.limit.metric, milliseconds, is_log=True)
    return lines("Latency by rate", series, Axis("requests/s"), latency)


def _points(trials: tuple[Trial, ...], name: str, limit_ms: float) -> list[tuple[float, float]]:
    """Return the latency by rate; what took for ever is far beyond the limit."""
    found = [(one.rate, one.latency_ms) for one in trials if one.name == name]
    return sorted((rate, min(value, limit_ms * 20)) for rate, value in found)


def _trials(outcome: Outcome) -> str:
    head = ("TRIAL", "RATE", outcome.goal.limit.metric.upper(), "P50", "DONE", "CPU", "LIMIT")
    rows = [
        (
            one.name,
            f"{rate_text(one.rate)}/s",
            milliseconds(one.latency_ms),
            milliseconds(one.p50_ms),
            f"{rate_text(one.throughput)}/s",
            milliseconds(one.cpu_ms),
            "holds" if one.holds else one.why or "missed",
        )
        for one in outcome.trials
    ]
    return table_of([head, *rows])
