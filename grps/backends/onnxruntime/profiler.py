"""Operators of ONNX models by ONNX Runtime's own profiler."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime

from grps.backends.common.profiling.arithmetic import convolution_flops, product_flops
from grps.backends.common.profiling.timeline import Span, covered, self_times, within
from grps.backends.onnxruntime.backend import load
from grps.backends.operators import Operator, Recording, TensorForm, merged, time_of
from grps.config.schema import ModelConfig
from grps.errors import ModelError

_WARM_UP = 2
_S_PER_US = 1e-6
_END = "_kernel_time"
"""Of the names of events that are runs of a node."""
_DTYPES = {"float": "float32", "double": "float64"}
_CONVOLUTIONS = frozenset(
    ("Conv", "FusedConv", "NhwcFusedConv", "QLinearConv", "ConvInteger", "NhwcConv")
)
_PRODUCTS = frozenset(
    (
        *("MatMul", "FusedMatMul", "FusedMatMulActivation", "TransposeMatMul", "Gemm", "FusedGemm"),
        *("MatMulInteger", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul"),
    )
)
"""Kinds that multiply their first input by a matrix."""
_QUANTIZED = "QLinear"
_SECOND_OF_QUANTIZED = 3
"""The second factor of kinds that begin so, or their weights; of others it is the input 1."""
_MATRIX = 2


def record(model: ModelConfig, inputs: Sequence[np.ndarray], runs: int) -> Recording:
    """Run a copy of a model with the profiler on; see ``operators.record``."""
    with tempfile.TemporaryDirectory(prefix="grps-profile-") as folder:

        def enable(options: onnxruntime.SessionOptions) -> None:
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder) / "profile")

        backend = load(model, enable)
        for _ in range(_WARM_UP):
            backend.infer(inputs)
        wall_s = time_of(lambda: backend.infer(inputs), runs)
        file = Path(backend.end_profiling())
        events = msgspec.json.decode(file.read_bytes())
    return read_events(events, runs, wall_s)


def read_events(events: Iterable[Mapping[str, Any]], runs: int, wall_s: float) -> Recording:
    """Return what the last runs of a profile say.

    Args:
        events: Those of the file that the profiler wrote.
        runs: How many runs count.
        wall_s: Their seconds as their caller saw them.

    Raises:
        ModelError: There are not so many runs.
    """
    found = [one for one in events if one.get("ph") == "X"]
    whole = sorted(
        (_span(one) for one in found if one["name"] == "model_run"), key=lambda one: one.start
    )[-runs:]
    if len(whole) < runs:
        raise ModelError(f"the profile has {len(whole)} of {runs} runs; try fewer runs")
    nodes = within(
        (_span(one) for one in found if one.get("cat") == "Node" and one["name"].endswith(_END)),
        whole[0].start,
        whole[-1].end,
    )
    operators = merged(_operator(span.what, time) for span, time in self_times(nodes))
    return Recording(
        runs=runs,
        wall_s=wall_s,
        engine_s=sum(one.end - one.start for one in whole) * _S_PER_US,
        covered_s=covered(nodes) * _S_PER_US,
        operators=operators,
    )


def _span(event: Mapping[str, Any]) -> Span[Mapping[str, Any]]:
    start = float(event["ts"])
    return Span(start, start + float(event["dur"]), int(event.get("tid", 0)), event)


def _operator(event: Mapping[str, Any], time_us: float) -> Operator:
    details = event.get("args", {})
    kind = str(details.get("op_name", "unknown"))
    inputs = list(_forms(details.get("input_type_shape", ())))
    outputs = tuple(_forms(details.get("output_type_shape", ())))
    flops = None
    if inputs and outputs and kind in _CONVOLUTIONS:
        flops = _convolution(kind, inputs, outputs[0])
    elif inputs and outputs and kind in _PRODUCTS:
        flops = _product(kind, inputs, outputs[0])
    return Operator(
        kind=kind,
        name=str(event["name"]).removesuffix(_END),
        inputs=tuple(inputs),
        outputs=outputs,
        seconds=time_us * _S_PER_US,
        flops=flops,
        runs_as=str(details.get("provider", "")).removesuffix("ExecutionProvider"),
    )


def _second(kind: str) -> int:
    return _SECOND_OF_QUANTIZED if kind.startswith(_QUANTIZED) else 1


def _convolution(kind: str, inputs: list[TensorForm], output: TensorForm) -> float | None:
    at = _second(kind)
    weights = inputs[at].shape if len(inputs) > at else ()
    # Weights that the session has packed for itself are no longer among the inputs.
    if len(weights) != len(output.shape):
        return None
    return convolution_flops(output.shape, weights, weights[0])


def _product(kind: str, inputs: list[TensorForm], output: TensorForm) -> float | None:
    """Return the operations; put weights that the session has packed back among the inputs."""
    at, left = _second(kind), inputs[0]
    if len(inputs) > at and len(inputs[at].shape) >= _MATRIX:
        found = product_flops(left.shape, inputs[at].shape, output.shape)
        sums = 0.0 if found is None else found / 2 / max(1, prod(output.shape))
        if sums in inputs[at].shape[-_MATRIX:] and output.shape[-1] in inputs[at].shape[-_MATRIX:]:
            return found
    if len(left.shape) < _MATRIX or left.shape[:-1] != output.shape[:-1]:
        return None
    weights = TensorForm(left.dtype, (left.shape[-1], output.shape[-1]))
    inputs.insert(1, weights)
    return product_flops(left.shape, weights.shape, output.shape)


def _forms(described: Iterable[Mapping[str, Sequence[int]]]) -> Iterator[TensorForm]:
    for tensor in described:
        for dtype, shape in tensor.items():
            yield TensorForm(_DTYPES.get(dtype, dtype), tuple(shape))
