"""Measures the curves of a variant within a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from grps.config.schema import ModelConfig
from grps.tune.curves.curve import Curve, Curves, Point
from grps.tune.curves.orders import Loaded, Measured, MeasureOrder
from grps.tune.curves.process import MeasuringProcess, together
from grps.tune.settings import Isolation, Variant

_SECONDS = 0.05
"""Of runs of one size, if they are short."""
_LEAST_RUNS = 4
_ANSWER_S = 120.0
_QUANTILES = 20
_LEAST_LARGEST = 8
_GAIN = 1.05
"""By how much a larger batch has to serve more rows in a time to be worth while."""
_LONG = 0.25
"""Share of the limit from which on a run is long."""
_SCALES_BADLY = 1.3
"""Ratio of run times side by side and alone from which on processes are tried: an engine whose runs
hold Python's lock does not run side by side in threads."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured of a variant.

    Attributes:
        config: The model.
        shapes: Shapes of inputs that the model leaves open.
        most_rows: Most rows of a batch.
        limit_ms: Longest useful run.
        most_runs: Most runs at once.
        cpus: Processors.
        least_rate: Rows per second that one run at a time has to serve, for runs at once to be
            measured.
    """

    config: ModelConfig
    shapes: Mapping[str, tuple[int, ...]]
    most_rows: int
    limit_ms: float
    most_runs: int
    cpus: int
    least_rate: float = 0.0


def measure_curves(
    variant: Variant, plan: Plan, end: float, report: Callable[[str], None]
) -> tuple[Curves, Loaded]:
    """Return the curves of a variant, and what was found of the model.

    A variant that is too slow gets only the first of its curves.

    Args:
        variant: How copies are loaded.
        plan: What is measured.
        end: When no other curve is begun, on the clock of ``time.monotonic``.
        report: Receives a line for each curve.

    Raises:
        TuneError: The variant can't be loaded or run.
    """
    with ExitStack() as stack:
        report(f"{variant.text}: loading")
        process = stack.enter_context(MeasuringProcess(variant))
        loaded = process.load(plan.config, plan.shapes, _ANSWER_S)
        most_rows = 1 if loaded.not_joined else min(plan.most_rows, loaded.most_rows or 1 << 20)
        sizes = sizes_up_to(most_rows)
        report(f"{variant.text}: batches")
        alone = _curve([process], 1, "thread", sizes, plan.limit_ms)
        found = [alone]
        runs = _most_parallel(variant, plan)
        if runs > 1 and time.monotonic() < end and max(alone.rates) >= plan.least_rate:
            report(f"{variant.text}: {runs} runs at once")
            measured = tuple(one.rows for one in alone.points)
            found.append(_curve([process], runs, "thread", measured, plan.limit_ms * 2))
            fits = (variant.threads or 1) * runs <= plan.cpus
            slower = found[-1].ms(1) / alone.ms(1)
            if fits and slower > _SCALES_BADLY and time.monotonic() < end:
                report(f"{variant.text}: {runs} processes at once")
                others = [stack.enter_context(MeasuringProcess(variant)) for _ in range(runs - 1)]
                for other in others:
                    other.load(plan.config, plan.shapes, _ANSWER_S)
                all_of_them = [process, *others]
                limit = plan.limit_ms * 2
                found.append(_curve(all_of_them, 1, "process", measured, limit))
        return Curves(variant, loaded.load_s, tuple(found)), loaded


def _most_parallel(variant: Variant, plan: Plan) -> int:
    """Return how many runs at once are measured: they may ask for twice the processors."""
    return max(1, min(plan.most_runs, 2 * plan.cpus // (variant.threads or 1), plan.cpus))


def sizes_up_to(most: int) -> tuple[int, ...]:
    """Return the powers of two up to a number, and the number."""
    sizes = [1]
    while sizes[-1] * 2 <= most:
        sizes.append(sizes[-1] * 2)
    return tuple(sizes) if sizes[-1] == most else (*sizes, most)


def _curve(
    processes: Sequence[MeasuringProcess],
    parallel: int,
    isolation: Isolation,
    sizes: Sequence[int],
    limit_ms: float,
) -> Curve:
    def measured(rows: int) -> Point:
        order = MeasureOrder(rows, parallel, _SECONDS, _LEAST_RUNS)
        return _point(rows, together(processes, order, _ANSWER_S))

    points: list[Point] = []
    for rows in sizes:
        points.append(measured(rows))
        if points[-1].ms > limit_ms or _is_flat(points, limit_ms):
            break
    # What others do slows runs down, and nothing makes them faster: the better of two counts.
    again = [measured(one.rows) for one in points]
    best = tuple(min(pair, key=lambda one: one.ms) for pair in zip(points, again, strict=True))
    return Curve(parallel * len(processes), isolation, best)


def _is_flat(points: Sequence[Point], limit_ms: float) -> bool:
    """Whether larger batches do not serve more rows, by the last two sizes.

    Of long runs, which take most of the time, the last size says enough.
    """
    rates = [one.rows / one.ms for one in points]
    if points[-1].ms > limit_ms * _LONG:
        return rates[-1] < _GAIN * max(rates[:-1], default=0.0)
    enough = points[-1].rows >= _LEAST_LARGEST
    return enough and max(rates[-2:]) < _GAIN * max(rates[:-2], default=0.0)


def _point(rows: int, measured: Sequence[Measured]) -> Point:
    times = sorted(one for found in measured for one in found.ms)
    median = times[len(times) // 2]
    places = [(len(times) - 1) * part // _QUANTILES for part in range(_QUANTILES + 1)]
    ratios = tuple(round(times[at] / median, 4) for at in places)
    cpu_ms = sum(found.cpu_s for found in measured) * 1000 / len(times)
    return Point(rows, median, cpu_ms, ratios)
