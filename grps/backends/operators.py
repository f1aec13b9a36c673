"""What the profilers of engines record: the operators of a model with their time.

The package of an engine that declares ``profiles`` has a module ``profiler`` with
``record(model: ModelConfig, inputs: Sequence[np.ndarray], runs: int) -> Recording``. It loads a
copy of its own with the profiler on, and runs it as ``Backend.infer`` does.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from grps.backends.loading import import_adapter
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig

_SIZES = {"bool": 1, "bfloat16": 2, "complex64": 8, "complex128": 16}
"""Bytes of elements that do not say their bits in their name."""
_BITS_PER_BYTE = 8


@dataclass(frozen=True, slots=True)
class TensorForm:
    """The type and the shape of a tensor in one run.

    Attributes:
        dtype: As numpy names it, or a name of the engine's own.
        shape: The sizes.
    """

    dtype: str
    shape: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        """The bytes of the elements; 0 for strings and types that are not known."""
        return int(prod(self.shape) * _element_bytes(self.dtype))


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """An operator of a model; calls that differ in their shapes are different operators.

    Attributes:
        kind: The type of the operator in the engine's words, such as ``Conv``.
        name: Of its node in the graph; empty if the engine does not say it.
        inputs: Inputs of a call, weights among them, as far as the engine says them.
        outputs: Outputs of a call, as far as the engine says them.
        seconds: The time of all its calls, without operators inside it.
        calls: How often it was called in all runs.
        flops: Floating-point or integer operations of a call, where the kind has a formula.
        runs_as: The engine's word for the implementation it chose; empty if it has none.
    """

    kind: str
    name: str = ""
    inputs: tuple[TensorForm, ...] = ()
    outputs: tuple[TensorForm, ...] = ()
    seconds: float
    calls: int = 1
    flops: float | None = None
    runs_as: str = ""

    @property
    def moved_bytes(self) -> int:
        """Bytes of the inputs and outputs of a call: each is read or written once at least."""
        return sum(form.size_bytes for form in (*self.inputs, *self.outputs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Some runs of a model with the profiler on.

    Attributes:
        runs: How many.
        wall_s: Seconds of all runs as their caller sees them.
        engine_s: Seconds of them within the engine.
        covered_s: Seconds of them in which at least one operator ran.
        operators: Those that ran, in no particular order.
        notes: What a reader of the figures has to know, as sentences without a full stop.
    """

    runs: int
    wall_s: float
    engine_s: float
    covered_s: float
    operators: tuple[Operator, ...]
    notes: tuple[str, ...] = ()

    @property
    def explained(self) -> float:
        """The share of the time that operators explain, from 0 to 1."""
        return self.covered_s / self.wall_s if self.wall_s else 0.0


def record(model: ModelConfig, inputs: Sequence[np.ndarray], runs: int) -> Recording:
    """Run a model some times with the profiler of its engine, which has one.

    Args:
        model: The model; a copy of its own is loaded.
        inputs: What it is run on.
        runs: How often.

    Raises:
        MissingExtraError: The framework is not installed.
        ModelError: The model can't be loaded or run, or the profiler failed.
    """
    import_adapter(model.inferer_type)  # for its errors
    profiler = importlib.import_module(ENGINES[model.inferer_type].module("profiler"))
    recording: Recording = profiler.record(model, inputs, runs)
    return recording


def time_of(run: Callable[[], object], runs: int) -> float:
    """Return the seconds of some runs."""
    began = time.perf_counter()
    for _ in range(runs):
        run()
    return time.perf_counter() - began


def merged(operators: Iterable[Operator]) -> tuple[Operator, ...]:
    """Return operators with the calls of equal ones added up."""
    found: dict[tuple[object, ...], Operator] = {}
    for one in operators:
        key = (one.kind, one.name, one.inputs, one.outputs, one.runs_as)
        known = found.get(key)
        found[key] = (
            one
            if known is None
            else replace(known, seconds=known.seconds + one.seconds, calls=known.calls + one.calls)
        )
    return tuple(found.values())


def _element_bytes(dtype: str) -> float:
    if dtype in _SIZES:
        return _SIZES[dtype]
    digits = dtype.removeprefix("u").removeprefix("int").removeprefix("float")
    return int(digits) / _BITS_PER_BYTE if digits.isdecimal() else 0
