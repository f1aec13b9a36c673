"""What a profile of a model found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grps.backends.operators import Operator, Recording
from grps.profile.curves import Curve, Point
from grps.profile.machine import Machine, Roof
from grps.profile.memory import Memory

_COMPUTE, _MEMORY = "compute", "memory"


@dataclass(frozen=True, slots=True)
class Measured:
    """A curve, or why there is none.

    Attributes:
        curve: The curve.
        reason: Why there is none; empty if there is one.
    """

    curve: Curve | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where an operator stands below the roof of the machine.

    Attributes:
        flops_per_s: What it reaches; ``None`` if its operations are not counted.
        bytes_per_s: What it reaches; ``None`` if its bytes are not known.
        intensity: Operations for each byte; ``None`` if one of both is not known.
        bound: What the roof above it is: ``compute`` or ``memory``; empty if it is not known.
        share: Of that roof; more than 1 if it works in caches, or on smaller numbers than float32.
    """

    flops_per_s: float | None
    bytes_per_s: float | None
    intensity: float | None
    bound: str
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile of a model that an engine runs.

    Attributes:
        model: Its path.
        engine: The title of its engine.
        device: Where it ran.
        inputs: The inputs of the runs, in words.
        threads: Threads of a run, as far as they are known.
        plain: Runs without the profiler.
        recording: Runs with the profiler.
        batches: Latency by rows.
        thread_counts: Latency by threads of a run.
        memory: Resident memory.
        machine: What the machine can do; ``None`` if it was not measured.
        notes: What a reader of the figures has to know, as sentences without a full stop.
    """

    model: str
    engine: str
    device: str
    inputs: str
    threads: int
    plain: Point
    recording: Recording
    batches: Measured
    thread_counts: Measured
    memory: Memory
    machine: Machine | None
    notes: tuple[str, ...] = ()

    @property
    def profiler_s(self) -> float:
        """Seconds of the recorded runs that the profiler took between operators, as estimated.

        It is how much longer these runs took than those without the profiler, at most the time
        outside operators.
        """
        recording = self.recording
        plain_s = sum(self.plain.durations_s) / len(self.plain.durations_s)
        longer_s = recording.wall_s - plain_s * recording.runs
        return min(max(0.0, longer_s), max(0.0, recording.wall_s - recording.covered_s))

    @property
    def explained(self) -> float:
        """The share of the time of the model that operators explain, from 0 to 1."""
        time_s = self.recording.wall_s - self.profiler_s
        return min(1.0, self.recording.covered_s / time_s) if time_s else 0.0

    def outside(self) -> list[tuple[str, float]]:
        """Return the time outside operators in parts: what it is, and its seconds."""
        recording, profiler_s = self.recording, self.profiler_s
        engine_s = min(recording.engine_s, recording.wall_s)
        between_s = max(0.0, engine_s - recording.covered_s)
        around_s = max(0.0, recording.wall_s - max(engine_s, recording.covered_s))
        left_s = max(0.0, profiler_s - between_s)
        return [
            ("engine, between operators", max(0.0, between_s - profiler_s)),
            ("before and after the engine", max(0.0, around_s - left_s)),
            ("profiler", profiler_s),
        ]

    @property
    def roof(self) -> Roof | None:
        """What as many threads reach at most as the model uses."""
        return None if self.machine is None else self.machine.roof(self.threads)

    def operators(self) -> list[Operator]:
        """Return the operators, the one that takes the most time first."""
        return sorted(self.recording.operators, key=lambda one: -one.seconds)

    def share(self, seconds: float) -> float:
        """Return a time as a share of the time of the model."""
        return seconds / self.recording.wall_s if self.recording.wall_s else 0.0

    def per_run(self, seconds: float) -> float:
        """Return a time of all runs as that of one."""
        return seconds / self.recording.runs


def kinds_of(operators: Sequence[Operator]) -> Mapping[str, float]:
    """Return the seconds by kind of operator, the most first."""
    found: dict[str, float] = {}
    for one in operators:
        found[one.kind] = found.get(one.kind, 0.0) + one.seconds
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def standing(operator: Operator, roof: Roof | None) -> Standing:
    """Return where an operator stands below a roof."""
    seconds = operator.seconds / operator.calls
    moved = operator.moved_bytes
    if seconds <= 0:
        return Standing(None, None, None, "", None)
    flops_per_s = None if operator.flops is None else operator.flops / seconds
    bytes_per_s = moved / seconds if moved else None
    intensity = operator.flops / moved if operator.flops is not None and moved else None
    if roof is None or bytes_per_s is None:
        return Standing(flops_per_s, bytes_per_s, intensity, "", None)
    if flops_per_s is None or intensity is None:
        return Standing(None, bytes_per_s, None, _MEMORY, bytes_per_s / roof.bytes_per_s)
    below_ridge = intensity * roof.bytes_per_s < roof.flops_per_s
    most = min(intensity * roof.bytes_per_s, roof.flops_per_s)
    bound = _MEMORY if below_ridge else _COMPUTE
    return Standing(flops_per_s, bytes_per_s, intensity, bound, flops_per_s / most)
