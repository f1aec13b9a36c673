"""Operators of SavedModels by TensorFlow's own profiler."""

from __future__ import annotations

import importlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from grps.backends.common.arguments import read_arguments
from grps.backends.common.profiling.arithmetic import convolution_flops, product_flops
from grps.backends.common.profiling.timeline import Span, covered, outermost, self_times, within
from grps.backends.operators import Operator, Recording, merged, time_of
from grps.backends.tensorflow.backend import load
from grps.backends.tensorflow.runtime import TensorflowArguments, quiet, tf
from grps.backends.tensorflow.savedmodel import choose_signature, graph_of
from grps.backends.tensorflow.shapes import NodeForms, Nodes
from grps.config.schema import ModelConfig
from grps.errors import ModelError

_WARM_UP = 3
_VERBOSE = 3
"""The level at which the profiler records every operator."""
_RUN = "grps_run"
_S_PER_NS = 1e-9
_PS_PER_NS = 1000
_HOST = "/host:CPU"
_FORMATS = ("tensorflow.tsl.profiler.protobuf", "tensorflow.core.profiler.protobuf")
"""Where releases have the format of traces."""
_OPERATOR = re.compile(r"(?P<name>[\w.][\w./>\\-]*):(?P<kind>_?[A-Z]\w*)(?:#.*)?")
_CALLS = frozenset(
    ("PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile", "If", "StatelessIf")
)
"""Operators that run others and take no time of their own."""
_FUSED = re.compile("Fused(Conv|MatMul|Depthwise)")
"""In the names of kinds that run a convolution or a product with nodes after it as one."""
_CONVOLUTIONS = frozenset(("Conv2D", "Conv3D"))
_DEPTHWISE = "DepthwiseConv2dNative"
_PRODUCTS = frozenset(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"))
_FROM_FILE = (
    "shapes are those of the model's file; operators that TensorFlow makes of others have none"
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
    arguments = read_arguments(TensorflowArguments, model.inferer_args)
    path = Path(model.inferer_path or "")
    chosen = choose_signature(path, arguments.tags, arguments.signature)
    rows = len(inputs[0]) if inputs and inputs[0].ndim else 1
    return read_spans(_spans(space), runs, wall_s, Nodes(graph_of(chosen), rows))


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


def read_spans(spans: Iterable[Span[str]], runs: int, wall_s: float, nodes: Nodes) -> Recording:
    """Return what a trace says.

    Args:
        spans: What ran on the threads of the host, by name; times in nanoseconds.
        runs: How many runs it has.
        wall_s: Their seconds as their caller saw them.
        nodes: Those of the model.

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
            _operator(span.what, time * _S_PER_NS, nodes) for span, time in self_times(operators)
        ),
        notes=(_FROM_FILE,),
    )


def _operator(match: re.Match[str], seconds: float, nodes: Nodes) -> Operator:
    kind, name = match["kind"], match["name"]
    forms = nodes.forms(name, is_fused=bool(_FUSED.search(kind)))
    if forms is None:
        return Operator(kind=kind, name=name, seconds=seconds)
    return Operator(
        kind=kind,
        name=name,
        inputs=tuple(one for one in forms.inputs if one is not None),
        outputs=tuple(one for one in forms.outputs if one is not None),
        seconds=seconds,
        flops=_flops(forms),
    )


def _flops(forms: NodeForms) -> float | None:
    two = 2
    if len(forms.inputs) < two or not forms.outputs:
        return None
    left, right, output = forms.inputs[0], forms.inputs[1], forms.outputs[0]
    if left is None or right is None or output is None:
        return None
    if forms.kind in _CONVOLUTIONS:
        return convolution_flops(output.shape, right.shape, right.shape[-1])
    if forms.kind == _DEPTHWISE:
        return convolution_flops(output.shape, right.shape, prod(right.shape[-two:]))
    if forms.kind in _PRODUCTS:
        return product_flops(left.shape, right.shape, output.shape)
    return None
