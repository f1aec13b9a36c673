"""Figures of a run, and the tables of several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.steps.clients import Load

OUTCOMES = ("finished", "left", "failed", "unfinished")
COLUMNS = {
    "goodput": "outputs/s",
    "first_p50_ms": "first p50 ms",
    "first_p99_ms": "first p99 ms",
    "between_p50_ms": "between p50 ms",
    "between_p99_ms": "between p99 ms",
    "cpu_us": "CPU us/output",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What one server made of a trace."""

    goodput: float
    """Outputs per second, of the sequences that finished."""
    first_p50_ms: float
    """From the arrival of a sequence to its first output."""
    first_p99_ms: float
    between_p50_ms: float
    """Between two outputs of a sequence."""
    between_p99_ms: float
    cpu_us: float
    """Processor time of the server's process tree for each output that reached a client."""
    elapsed_s: float
    outputs: int
    """Outputs that reached a client."""
    outcomes: Mapping[str, int]
    """Number of sequences by what became of them."""
    client_cpu: float
    """Share of a core that the load generator used."""
    client_late_p99_ms: float
    """How late the load generator began sequences."""


def figures_of(load: Load, processor_s: float) -> Figures:
    """Return the figures of a load, for which the server used ``processor_s``."""
    records = load.records
    outputs = sum(record.outputs for record in records)
    good = sum(record.outputs for record in records if record.outcome == "finished")
    first = [record.first_s for record in records if record.first_s is not None]
    between = [gap for record in records for gap in record.between_s]
    counted = Counter(record.outcome for record in records)
    elapsed = max(load.elapsed_s, 1e-9)
    return Figures(
        goodput=good / elapsed,
        first_p50_ms=quantile_ms(first, 0.5),
        first_p99_ms=quantile_ms(first, 0.99),
        between_p50_ms=quantile_ms(between, 0.5),
        between_p99_ms=quantile_ms(between, 0.99),
        cpu_us=processor_s / max(outputs, 1) * 1e6,
        elapsed_s=load.elapsed_s,
        outputs=outputs,
        outcomes={outcome: counted[outcome] for outcome in OUTCOMES},
        client_cpu=load.processor_s / elapsed,
        client_late_p99_ms=quantile_ms([record.late_s for record in records], 0.99),
    )


def quantile_ms(values: Sequence[float], share: float) -> float:
    """Return a quantile of seconds, in milliseconds; 0 of none."""
    if not values:
        return 0.0
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1e3


def table(found: Mapping[str, Figures]) -> list[str]:
    """Return the lines of the tables: values, and ratios to ``continuous`` if it was run."""
    lines = _head([*COLUMNS.values(), *OUTCOMES, "seconds", "client CPU", "client late p99 ms"])
    for name, figures in found.items():
        cells = [_number(getattr(figures, column)) for column in COLUMNS]
        cells += [f"{figures.outcomes[outcome]}" for outcome in OUTCOMES]
        late = _number(figures.client_late_p99_ms)
        cells += [f"{figures.elapsed_s:.1f}", f"{figures.client_cpu:.0%}", late]
        lines.append(_row(name, cells))
    base = found.get("continuous")
    if base is not None and len(found) > 1:
        lines += ["", *_head([f"{title}, ratio" for title in COLUMNS.values()])]
        for name, figures in found.items():
            pairs = [(getattr(figures, column), getattr(base, column)) for column in COLUMNS]
            lines.append(_row(name, [f"{a / b:.2f}x" if b else "-" for a, b in pairs]))
    return lines


def as_json(found: Mapping[str, Figures]) -> dict[str, Any]:
    """Return the figures for a file."""
    return {name: asdict(figures) for name, figures in found.items()}


def _head(titles: Sequence[str]) -> list[str]:
    return [_row("batching", titles), "|---" * (len(titles) + 1) + "|"]


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {' | '.join([name, *cells])} |"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
