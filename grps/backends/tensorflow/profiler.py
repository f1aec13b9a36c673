"""Operators of SavedModels by TensorFlow's own profiler."""

from __future__ import annotations

import importlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from grps.backends.common.profiling.arithmetic import product_flops
from grps.backends.common.profiling.timeline import Span, covered, outermost, self_times, within
from grps.backends.operators import Operator, Recording, TensorForm, merged, time_of
from grps.backends.tensorflow.backend import load
from grps.backends.tensorflow.runtime import quiet, tf
from grps.config.schema import ModelConfig
from grps.errors import ModelError

_WARM_UP = 3
_VERBOSE = 3
"""The level at which the profiler records every operator, with its shapes."""
_RUN = "grps_run"
_S_PER_NS = 1e-9
_PS_PER_NS = 1000
_HOST = "/host:CPU"
_FORMATS = ("tensorflow.tsl.profiler.protobuf", "tensorflow.core.profiler.protobuf")
"""Where releases have the format of traces."""
_OPERATOR = re.compile(r"(?P<name>[\w.][\w./>\\-]*):(?P<kind>_?[A-Z]\w*)(?:#(?P<details>.*)#)?")
_TENSOR = re.compile(r"(\w+)\[([\d,]*)\]")
_DTYPES = {"float": "float32", "double": "float64", "half": "float16"}
_CALLS = frozenset(
    ("PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile", "If", "StatelessIf")
)
"""Operators that run others and take no time of their own."""
_PRODUCTS = frozenset(("MatMul", "_FusedMatMul", "_MklMatMul", "BatchMatMul", "BatchMatMulV2"))
_MATRIX = 2
_NO_OUTPUTS = (
    "the trace of TensorFlow has no outputs: bytes are those of inputs, and operations are counted "
    "for products of matrices only"
)


def record(model: ModelConfig, inputs: Sequence[np.ndarray], runs: int) -> Recording:
    """Run a copy of a model with the profiler on; see ``operators.record``."""
    backend = load(model)
    for _ in range(_WARM_UP):
        backend.infer(inputs)
    profiler = tf.profiler.experimental

    def run() -> None:
        with profiler.Trace(_RUN):
            backend.infer(inputs)

    with tempfile.TemporaryDirectory(prefix="grps-profile-") as folder, quiet():
        options = profiler.ProfilerOptions(host_tracer_level=_VERBOSE, device_tracer_level=0)
        profiler.start(folder, options=options)
        try:
            wall_s = time_of(run, runs)
        finally:
            profiler.stop()
        files = sorted(Path(folder).rglob("*.xplane.pb"))
        if not files:
            raise ModelError("TensorFlow's profiler wrote no trace")
        space = _trace_format().XSpace.FromString(files[0].read_bytes())
    return read_spans(_spans(space), runs, wall_s)


def _trace_format() -> Any:
    for package in _FORMATS:
        try:
            return importlib.import_module(f"{package}.xplane_pb2")
        except ModuleNotFoundError:
            continue
    raise ModelError(
        f"this release of TensorFlow ({tf.__version__}) has no format of traces that is known: "
        f"{' or '.join(_FORMATS)}"
    )


def _spans(space: Any) -> Iterator[Span[str]]:
    for plane in space.planes:
        if plane.name != _HOST:
            continue
        names = {key: one.name for key, one in plane.event_metadata.items()}
        for number, line in enumerate(plane.lines):
            for event in line.events:
                start = line.timestamp_ns + event.offset_ps / _PS_PER_NS
                end = start + event.duration_ps / _PS_PER_NS
                yield Span(start, end, number, names.get(event.metadata_id, ""))


def read_spans(spans: Iterable[Span[str]], runs: int, wall_s: float) -> Recording:
    """Return what a trace says.

    Args:
        spans: What ran on the threads of the host, by name; times in nanoseconds.
        runs: How many runs it has.
        wall_s: Their seconds as their caller saw them.

    Raises:
        ModelError: There are not so many runs.
    """
    found = list(spans)
    whole = outermost([one for one in found if one.what.partition("#")[0] == _RUN])
    if len(whole) < runs:
        raise ModelError(f"the trace has {len(whole)} of {runs} runs; try fewer runs")
    start, end = whole[0].start, max(one.end for one in whole)
    matched = (
        Span(one.start, one.end, one.thread, match)
        for one in found
        if (match := _OPERATOR.fullmatch(one.what)) and match["kind"] not in _CALLS
    )
    operators = within(matched, start, end)
    return Recording(
        runs=runs,
        wall_s=wall_s,
        engine_s=sum(one.end - one.start for one in whole) * _S_PER_NS,
        covered_s=covered(operators) * _S_PER_NS,
        operators=merged(
            _operator(span.what, time * _S_PER_NS) for span, time in self_times(operators)
        ),
        notes=(_NO_OUTPUTS,),
    )


def _operator(match: re.Match[str], seconds: float) -> Operator:
    kind = match["kind"]
    inputs = tuple(_forms(match["details"] or ""))
    return Operator(
        kind=kind,
        name=match["name"],
        inputs=inputs,
        seconds=seconds,
        flops=_flops(inputs) if kind in _PRODUCTS else None,
    )


def _forms(text: str) -> Iterator[TensorForm]:
    for dtype, sizes in _TENSOR.findall(text):
        shape = tuple(int(size) for size in sizes.split(",") if size)
        yield TensorForm(_DTYPES.get(dtype, dtype), shape)


def _flops(inputs: Sequence[TensorForm]) -> float | None:
    """Return the operations of a product of two matrices of which neither is transposed."""
    if len(inputs) < _MATRIX:
        return None
    left, right = inputs[0].shape, inputs[1].shape
    if len(left) < _MATRIX or len(right) < _MATRIX or left[-1] != right[-2]:
        return None
    return product_flops(left, right, (*left[:-1], right[-1]))
