"""A profile as lines and tables of text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from grps.backends.operators import Operator, TensorForm
from grps.perf.report.text import milliseconds
from grps.profile.curves import Curve, quantile
from grps.profile.memory import Memory
from grps.profile.result import Measured, Profile, standing
from grps.profile.user_code import UserProfile

Rows = list[tuple[str, ...]]
_MIB = 1 << 20
_GIGA = 1e9
_MS_PER_S = 1000
_MOST_NAME, _MOST_SHAPES = 36, 48
_GRPS = Path(__file__).parents[2]
_LEAST_SHARE = 0.001
"""Functions with less time are not listed."""


def seconds(value: float) -> str:
    """Return a duration for a reader."""
    return milliseconds(value * _MS_PER_S)


def mib(value: float) -> str:
    """Return a number of bytes for a reader."""
    return f"{value / _MIB:.1f} MiB"


def head_lines(profile: Profile) -> list[tuple[str, str]]:
    """Return what is known of a model and its runs as names and values."""
    recorded = profile.per_run(profile.recording.wall_s)
    runs = len(profile.plain.durations_s)
    found = [
        ("model", f"{profile.model}, run by {profile.engine} on {profile.device}"),
        ("inputs", profile.inputs),
        ("run", f"{seconds(profile.plain.p50_s)} (median of {runs}, {_threads(profile.threads)}); "
                f"{seconds(recorded)} with the profiler"),
        ("memory", memory_line(profile.memory)),
    ]  # fmt: skip
    if profile.machine is not None and (roof := profile.roof) is not None:
        found.append(
            (
                "machine",
                f"{profile.machine.processor}: {_threads(roof.threads)} reach at most "
                f"{roof.flops_per_s / _GIGA:.3g} GFLOP/s and {roof.bytes_per_s / _GIGA:.3g} GB/s",
            )
        )
    return found


def memory_line(memory: Memory) -> str:
    """Return the resident memory in words."""
    loaded = memory.loaded - memory.before
    highest = "" if memory.peak is None else f"; at most {mib(memory.peak)} in runs"
    file = f" (its files have {mib(memory.file)})" if memory.file else ""
    return f"{mib(memory.before)} before the model, {mib(loaded)} more with it{file}{highest}"


def operator_rows(profile: Profile, most: int | None = None) -> Rows:
    """Return the table of operators, its head first, with the time outside them at its end.

    Args:
        profile: The profile.
        most: Operators with a row of their own, those with the most time; all if ``None``.
    """
    rows: Rows = [("OPERATOR", "NAME", "SHAPES", "CALLS", "TIME", "SHARE", "MIB", "GFLOP/S",
                   "GB/S", "ROOF")]  # fmt: skip
    operators = profile.operators()
    shown = operators[:most]
    rows += [_operator_row(profile, one) for one in shown]
    if others := operators[len(shown) :]:
        time = sum(one.seconds for one in others)
        rows.append(
            _plain_row(profile, "1 other" if len(others) == 1 else f"{len(others)} others", time)
        )
    rows += [_plain_row(profile, f"({name})", time) for name, time in profile.outside()]
    return rows


def explained_line(profile: Profile) -> str:
    """Return how much of the time the operators explain."""
    recording = profile.recording
    side = sum(one.seconds for one in recording.operators) / max(recording.covered_s, 1e-12)
    more = f"; they run side by side, {side:.2f} at once" if side > 1.05 else ""
    return (
        f"operators explain {profile.explained:.1%} of the time of {recording.runs} runs without "
        f"that of the profiler, {recording.explained:.1%} with it{more}"
    )


def _operator_row(profile: Profile, one: Operator) -> tuple[str, ...]:
    place = standing(one, profile.roof)
    roof = "" if place.share is None else f"{place.share:.0%} {place.bound}"
    return (
        one.kind,
        shortened(one.name, _MOST_NAME),
        shortened(shapes(one), _MOST_SHAPES),
        f"{one.calls / profile.recording.runs:.4g}",
        seconds(profile.per_run(one.seconds)),
        f"{profile.share(one.seconds):.1%}",
        f"{one.moved_bytes / _MIB:.3g}" if one.moved_bytes else "",
        "" if place.flops_per_s is None else f"{place.flops_per_s / _GIGA:.3g}",
        "" if place.bytes_per_s is None else f"{place.bytes_per_s / _GIGA:.3g}",
        roof,
    )


def _plain_row(profile: Profile, name: str, time: float) -> tuple[str, ...]:
    run = seconds(profile.per_run(time))
    return (name, "", "", "", run, f"{profile.share(time):.1%}", "", "", "", "")


def shapes(one: Operator) -> str:
    """Return the tensors of an operator in a line; a type is named where it changes."""
    dtype = ""
    sides = []
    for forms in (one.inputs, one.outputs):
        parts = []
        for form in forms:
            parts.append(_form(form, dtype))
            dtype = form.dtype
        sides.append(" ".join(parts))
    return " > ".join(side for side in sides if side)


def _form(form: TensorForm, known_dtype: str) -> str:
    dtype = "" if form.dtype == known_dtype else form.dtype
    return f"{dtype}[{','.join(map(str, form.shape))}]"


def shortened(text: str, most: int) -> str:
    """Return a text, its middle left out if it is long."""
    if len(text) <= most:
        return text
    half = (most - 1) // 2
    return f"{text[:half]}…{text[-(most - 1 - half) :]}"


def batch_rows(curve: Curve) -> Rows:
    """Return latency by rows as a table, its head first."""
    rows: Rows = [("ROWS", "P50", "P90", "ROWS/S", "PER ROW")]
    for point in curve.points:
        p50 = point.p50_s
        cells = (seconds(p50), seconds(quantile(point.durations_s, 0.9)))
        rows.append((str(point.size), *cells, f"{point.size / p50:.1f}", seconds(p50 / point.size)))
    return rows


def thread_rows(curve: Curve) -> Rows:
    """Return latency by threads as a table, its head first."""
    rows: Rows = [("THREADS", "P50", "P90", "SPEED-UP")]
    first = curve.points[0].p50_s
    for point in curve.points:
        p50 = point.p50_s
        cells = (seconds(p50), seconds(quantile(point.durations_s, 0.9)))
        rows.append((str(point.size), *cells, f"{first / p50:.2f}"))
    return rows


def notes(profile: Profile) -> list[str]:
    """Return what is said below the tables."""
    said = [explained_line(profile), *profile.notes]
    said += _reason("latency by rows", profile.batches)
    said += _reason("latency by threads", profile.thread_counts)
    if profile.machine is not None:
        said.append(
            f"roof: the best of short rounds of products of float32 matrices by "
            f"{profile.machine.library}, and of copies of memory, on as many threads as a run has; "
            "an operator is above it if it works in caches or on smaller numbers"
        )
    return said


def _reason(what: str, measured: Measured) -> list[str]:
    if measured.reason:
        return [f"no {what}: {measured.reason}"]
    ended = measured.curve.ended if measured.curve is not None else ""
    return [f"{what} ends before {ended}"] if ended else []


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def user_lines(profile: UserProfile) -> list[tuple[str, str]]:
    """Return what is known of a project's model and its requests as names and values."""
    count = len(profile.plain.durations_s)
    sampled = profile.samples.total_s / max(1, profile.requests)
    return [
        ("model", f"{profile.model} of {profile.project}"),
        ("request", profile.request),
        ("run", f"{seconds(profile.plain.p50_s)} (median of {count} requests); "
                f"{seconds(sampled)} with the sampler"),
        ("memory", memory_line(profile.memory)),
        ("samples", f"{profile.samples.count} in {profile.samples.total_s:.2f} s of "
                    f"{profile.requests} requests"),
    ]  # fmt: skip


def function_rows(profile: UserProfile, most: int | None = None) -> Rows:
    """Return the table of functions, its head first: own time, and time with what they call."""
    rows: Rows = [("FUNCTION", "FILE", "OWN", "SHARE", "WITH CALLS", "SHARE")]
    samples = profile.samples
    requests = max(1, profile.requests)
    listed = [one for one in samples.functions() if one[2] > _LEAST_SHARE * samples.total_s]
    for frame, own, whole in listed[:most]:
        rows.append(
            (
                frame.function,
                shortened(f"{short_path(frame.file, profile)}:{frame.line}", _MOST_SHAPES),
                seconds(own / requests),
                f"{own / samples.total_s:.1%}",
                seconds(whole / requests),
                f"{whole / samples.total_s:.1%}",
            )
        )
    return rows


def short_path(file: str, profile: UserProfile) -> str:
    """Return the path of a file in its project or package."""
    own = f"{profile.folder}/"
    if file.startswith(own):
        return file.removeprefix(own)
    if file.startswith(f"{_GRPS}/"):
        return file.removeprefix(f"{_GRPS.parent}/")
    return file.rpartition("/site-packages/")[2].rpartition("/lib/")[2]


def user_notes(profile: UserProfile) -> list[str]:
    """Return what is said below the table of functions."""
    engine = profile.explained - profile.own
    more = f" and its engine {engine:.1%}" if engine > _LEAST_SHARE else ""
    return [
        f"the project's code and what it calls explain {profile.own:.1%} of the time{more}; the "
        f"rest, {1 - profile.explained:.1%}, is GRPS around it"
    ]


def columns(rows: Sequence[tuple[str, str]]) -> list[str]:
    """Return names and values as aligned lines."""
    width = max(len(name) for name, _ in rows)
    return [f"{name.ljust(width)}  {value}" for name, value in rows]
