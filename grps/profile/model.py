"""Profiles a model file in this process."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from grps.backends.backend import Backend, Signature
from grps.backends.common.device import parse_device
from grps.backends.common.signature import fixed_rows
from grps.backends.environment import prepare_environment
from grps.backends.loading import import_adapter, load_backend
from grps.backends.operators import record
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.errors import GrpsError
from grps.machine import usable_cpus
from grps.profile.child import time_in_process
from grps.profile.curves import Curve, Point, Timing, doubling, measure_curve, time_runs
from grps.profile.errors import ProfileError
from grps.profile.inputs import Arrays, Given, make_inputs, take_inputs, with_rows
from grps.profile.machine import Machine, measure_machine
from grps.profile.memory import Memory, bytes_of, peak, reset_peak, resident
from grps.profile.result import Measured, Profile
from grps.server.models.shares import give_shares

_LEAST_RUNS, _MOST_RUNS = 3, 200
_MOST_BATCH_BYTES = 1 << 28
"""Inputs of a batch are no larger."""
_THREADS = "intra_op_threads"

Report = Callable[[str, str], None]
"""Takes the step and a line of details, for people."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a profile measures.

    Attributes:
        given: Returns the inputs of a model with a signature; they are generated if ``None``.
        batch: The first size of generated inputs that leave it open.
        shapes: Shapes of generated inputs by name; the empty name is that of the only input.
        max_batch: The largest batch of the curve; no curve if 1 or less.
        budget_s: Seconds of the runs with the profiler, and of each point of a curve about half.
        threads: Whether latency is measured by threads.
        machine: Whether the machine is measured.
    """

    given: Callable[[Signature], Given] | None = None
    batch: int = 1
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    max_batch: int = 32
    budget_s: float = 1.0
    threads: bool = True
    machine: bool = True

    @property
    def timing(self) -> Timing:
        """How the points of curves are measured."""
        return Timing(budget_s=self.budget_s / 2)


def profile_model(
    config: ModelConfig,
    options: Options = Options(),
    on_step: Report = lambda step, detail: None,
) -> Profile:
    """Profile a model on the CPU.

    Args:
        config: The model; its engine has to have a profiler.
        options: What is measured.
        on_step: Receives the progress.

    Raises:
        ProfileError: The model can't be profiled.
        GrpsError: The model can't be loaded or run.
    """
    check_engine(config)
    prepare_environment()
    config = give_shares(config, [config], None)
    on_step("loading", ENGINES[config.inferer_type].title)
    import_adapter(config.inferer_type)
    before = resident()
    backend = load_backend(config)
    loaded = resident()
    if options.given is None:
        inputs, source = make_inputs(backend, batch=options.batch, shapes=options.shapes)
    else:
        inputs, source = _given(backend, options.given), "given"
    on_step("runs", "without the profiler")
    knows_peak = reset_peak()
    before_s = time_runs(lambda: backend.infer(inputs), options.timing)
    highest = peak() if knows_peak else None
    memory = Memory(before, loaded, highest, bytes_of(Path(config.inferer_path or "")))
    usual_s = Point(1, tuple(before_s)).p50_s
    runs = max(_LEAST_RUNS, min(_MOST_RUNS, math.ceil(options.budget_s / usual_s)))
    on_step("operators", f"{runs} runs with the profiler")
    recording = record(config, inputs, runs)
    # Again, so that other load on the machine is as likely during runs of both kinds.
    after_s = time_runs(lambda: backend.infer(inputs), options.timing)
    plain = Point(_rows(inputs), (*before_s, *after_s))
    threads = int((config.inferer_args or {}).get(_THREADS) or usable_cpus())
    return Profile(
        model=str(config.inferer_path),
        engine=ENGINES[config.inferer_type].title,
        device=backend.signature.device or "cpu",
        inputs=f"{_shown(backend.signature, inputs)} ({source})",
        threads=threads,
        plain=plain,
        recording=recording,
        batches=_batches(backend, inputs, options, on_step),
        thread_counts=_thread_counts(config, inputs, options, on_step),
        memory=memory,
        machine=_machine(options, threads, on_step),
        notes=recording.notes,
    )


def _given(backend: Backend, given: Callable[[Signature], Given]) -> Arrays:
    signature = backend.signature
    return take_inputs(signature, given(signature))


def check_engine(config: ModelConfig) -> None:
    """Refuse a model that can't be profiled.

    Raises:
        ProfileError: Its engine has no profiler, or it does not run on the CPU.
    """
    engine = ENGINES[config.inferer_type]
    if not engine.profiles:
        known = ", ".join(one.title for one in ENGINES.values() if one.profiles)
        raise ProfileError(f"{engine.title} has no profiler of operators; these have: {known}")
    device = parse_device(config.device, config.inp_device)
    if device.kind not in ("cpu", "auto", "original"):
        raise ProfileError(
            f"device {device}: profiles are made on the CPU; use --device cpu, and for a GPU the "
            "tools of its maker, such as Nsight Systems"
        )


def _rows(inputs: Arrays) -> int:
    return len(inputs[0]) if inputs and inputs[0].ndim else 1


def _shown(signature: Signature, inputs: Arrays) -> str:
    names = [spec.name for spec in signature.inputs] or [""] * len(inputs)
    parts = []
    for name, array in zip(names, inputs, strict=False):
        dtype = "string" if array.dtype == object else array.dtype.name
        parts.append(f"{name} {dtype}[{','.join(map(str, array.shape))}]".strip())
    return ", ".join(parts)


def _batches(backend: Backend, inputs: Arrays, options: Options, on_step: Report) -> Measured:
    """Return latency by rows."""
    if options.max_batch <= 1:
        return Measured(reason="not asked for")
    cause = fixed_rows(backend.signature)
    rows = {len(array) if array.ndim else 0 for array in inputs}
    if cause is None and len(rows) != 1:
        cause = "its inputs have different numbers of rows"
    if cause is not None or 0 in rows:
        return Measured(reason=cause or "its inputs have no rows")
    row_bytes = sum(array.nbytes for array in inputs) / rows.pop()
    fitting = int(_MOST_BATCH_BYTES // max(1.0, row_bytes))
    most = max(1, min(options.max_batch, backend.signature.most_rows or options.max_batch, fitting))

    def durations(size: int) -> list[float]:
        on_step("batches", f"{size} rows")
        batch = with_rows(inputs, size)
        return time_runs(lambda: backend.infer(batch), options.timing)

    return _measured(lambda: measure_curve(durations, doubling(most)))


def _thread_counts(
    config: ModelConfig, inputs: Arrays, options: Options, on_step: Report
) -> Measured:
    """Return latency by threads; each count loads a copy of the model."""
    if not options.threads:
        return Measured(reason="not asked for")
    engine = ENGINES[config.inferer_type]

    def durations(threads: int) -> list[float]:
        on_step("threads", str(threads))
        arguments = {**(config.inferer_args or {}), _THREADS: threads}
        varied = msgspec.structs.replace(config, inferer_args=arguments)
        if engine.threads == "per_process":
            return time_in_process(varied, inputs, options.timing)
        backend = load_backend(varied)
        return time_runs(lambda: backend.infer(inputs), options.timing)

    return _measured(lambda: measure_curve(durations, doubling(usable_cpus())))


def _measured(measure: Callable[[], Curve]) -> Measured:
    try:
        return Measured(measure())
    except GrpsError as error:
        return Measured(reason=str(error))


def _machine(options: Options, threads: int, on_step: Report) -> Machine | None:
    if not options.machine:
        return None
    on_step("machine", "memory bandwidth and products of matrices")
    return measure_machine(sorted({*doubling(usable_cpus()), threads}))
