"""A load test as JSON. ``docs/reference/perf-result.schema.json`` describes it."""

from __future__ import annotations

import json
import math
from typing import Any

from grps.perf.load import Closed, Constant, Poisson
from grps.perf.measurement import Distribution, Measurement
from grps.perf.report.session import Session
from grps.perf.verdict import is_generator_limited, notes_of

FORMAT = "grps-perf/1"
PERCENTILES = (50, 75, 90, 95, 99, 99.9, 99.99)
_BUCKETS_PER_OCTAVE = 4


def to_json(session: Session) -> str:
    """Return a load test as JSON text."""
    return json.dumps(to_record(session), indent=1, ensure_ascii=False) + "\n"


def to_record(session: Session) -> dict[str, Any]:
    """Return a load test as JSON has it."""
    best = session.best if session.objectives else None
    return {
        "format": FORMAT,
        "address": session.address,
        "protocol": session.protocol,
        "requests": session.about,
        "started_at": session.started_at,
        "machine": session.machine,
        "slo": [one.text for one in session.objectives],
        "most_within_slo": None if best is None else best.load.name,
        "loads": [_of(session, found) for found in session.measurements],
    }


def _of(session: Session, found: Measurement) -> dict[str, Any]:
    return {
        "load": _load(found),
        "elapsed_s": _round(found.elapsed_s),
        "is_stopped": found.is_stopped,
        "requests": {
            "succeeded": found.succeeded,
            "failed": found.failed,
            "not_sent": found.not_sent,
            "unfinished": found.unfinished,
            "items_each": found.items,
        },
        "requests_per_s": _round(found.throughput),
        "items_per_s": _round(found.throughput * found.items),
        "response_bytes": found.response_bytes,
        "latency_ms": distribution(found.latency),
        "failed_latency_ms": distribution(found.failed_latency),
        "stream": _stream(found) if found.streaming else None,
        "errors": [
            {"status": one.status, "count": one.count, "first_text": one.text}
            for one in found.errors
        ],
        "seconds": _seconds(found),
        "generator": {
            "threads": found.threads,
            "connections": found.connections,
            "cpu_s": _round(found.cpu_s),
            "cpu_share": _round(found.cpu_share),
            "ceiling_requests_per_s": _round(found.ceiling),
            "lateness_ms": distribution(found.lateness),
            "was_the_limit": is_generator_limited(found),
        },
        "slo_met": session.meets(found) if session.objectives else None,
        "notes": notes_of(found),
    }


def _load(found: Measurement) -> dict[str, Any]:
    load = found.load
    if isinstance(load, Closed):
        return {"kind": "closed", "name": load.name, "concurrency": load.concurrency}
    kind = {Constant: "constant", Poisson: "poisson"}.get(type(load), "trace")
    return {"kind": kind, "name": load.name, "rate": _round(load.level)}


def _stream(found: Measurement) -> dict[str, Any]:
    return {
        "chunks": found.chunks,
        "chunks_per_s": _round(found.chunks_per_s),
        "tokens": found.tokens,
        "tokens_per_s": _round(found.tokens_per_s),
        "first_chunk_ms": distribution(found.first),
        "between_chunks_ms": distribution(found.gap),
    }


def distribution(values: Distribution) -> dict[str, Any] | None:
    """Return a distribution; ``None`` if it is empty."""
    if values.count == 0:
        return None
    return {
        "count": values.count,
        "mean": _round(values.mean),
        "deviation": _round(values.deviation),
        "min": _round(values.min),
        "max": _round(values.max),
        "percentiles": {f"{at:g}": _round(values.percentile(at)) for at in PERCENTILES},
        "histogram": [[_round(upper), count] for upper, count in buckets(values)],
    }


def buckets(values: Distribution) -> list[tuple[float, int]]:
    """Return counts in buckets that grow by the fourth root of two, each with its upper bound."""
    found: dict[int, int] = {}
    for value, count in values.counts:
        number = math.ceil(math.log2(max(value, 1e-6)) * _BUCKETS_PER_OCTAVE)
        found[number] = found.get(number, 0) + count
    if not found:
        return []
    every = range(min(found), max(found) + 1)
    return [(2 ** (number / _BUCKETS_PER_OCTAVE), found.get(number, 0)) for number in every]


def _seconds(found: Measurement) -> list[dict[str, Any]]:
    return [
        {
            "succeeded": one.succeeded,
            "failed": one.failed,
            "chunks": one.chunks,
            "p50_ms": _or_none(one.latency.percentile(50)),
            "p99_ms": _or_none(one.latency.percentile(99)),
        }
        for one in found.intervals
    ]


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else _round(value)


def _round(value: float) -> float:
    return float(f"{value:.6g}")
