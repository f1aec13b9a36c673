"""Measures the curves of all variants of a model, as far as there is time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from grps.tune.curves.measuring import Plan, measure_curves
from grps.tune.errors import TuneError
from grps.tune.saved import Saved, StateFile, key_of, with_curves
from grps.tune.search import Report, Search
from grps.tune.settings import Variant
from grps.tune.space import variants_of

MOST_ROWS = 128
"""Most rows of a batch that is measured."""
_LEAST_SHARE = 0.6
"""Of the rows per second that another engine serves with as many threads, one run at a time."""


def measure_every(
    search: Search, engines: Sequence[str], cpus: int, end: float, report: Report
) -> tuple[Saved, StateFile, list[str]]:
    """Return what was measured, the file that keeps it, and notes.

    Args:
        search: What is tuned.
        engines: The engines to try.
        cpus: Processors.
        end: When no other variant is begun, on the clock of ``time.monotonic``.
        report: Receives the progress.

    Raises:
        TuneError: No variant can be measured.
    """
    config, goal = search.config, search.goal
    about = (dict(search.shapes), goal.text, search.concurrency)
    state = StateFile(key_of(config, engines, about))
    saved = (None if search.fresh else state.read()) or Saved()
    notes = []
    if saved.curves:
        notes.append(f"went on with {len(saved.curves)} measured variants of {state.path}")
    most = min(MOST_ROWS, search.concurrency)
    plan = Plan(config, search.shapes, most, goal.limit_ms, cpus, cpus)
    # What serves little may still have the shortest latency, or the least CPU time.
    least_share = _LEAST_SHARE if goal.rate is None else 0.0
    for variant in variants_of(engines, config, cpus):
        if variant.text in saved.failed or any(one.variant == variant for one in saved.curves):
            continue
        if saved.curves and time.monotonic() > end:
            notes.append(f"not measured for want of time: {variant.text}")
            continue
        try:
            slow = _too_slow(saved, variant.engine, least_share)
            if slow is not None:
                notes.append(f"not measured, as {slow.text} is far from the best: {variant.text}")
                continue
            plan = replace(plan, least_rate=_least_rate(saved, variant, least_share))
            curves, loaded = measure_curves(variant, plan, end, lambda line: report("curves", line))
            saved = with_curves(saved, curves, loaded)
        except TuneError as error:
            notes.append(f"left out: {error}")
            saved = replace(saved, failed={**saved.failed, variant.text: str(error)})
        state.write(saved)
    if not saved.curves:
        raise TuneError("; ".join(saved.failed.values()))
    return saved, state, notes


def _too_slow(saved: Saved, engine: str, least_share: float) -> Variant | None:
    """Return a variant that shows that no other one of its engine will be the best."""
    for one in saved.curves:
        least = _least_rate(saved, one.variant, least_share)
        if one.variant.engine == engine and max(one.alone.rates) < least:
            return one.variant
    return None


def _least_rate(saved: Saved, variant: Variant, least_share: float) -> float:
    """Return the rows per second that a variant has to serve, by those with as many threads."""
    alike = [one.alone for one in saved.curves if one.variant.threads == variant.threads]
    return least_share * max((max(one.rates) for one in alike), default=0.0)
