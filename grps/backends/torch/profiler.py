"""Operators of PyTorch models by ``torch.profiler``."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from torch.profiler import ProfilerActivity, profile, record_function

from grps.backends.common.profiling.arithmetic import convolution_flops, product_flops
from grps.backends.common.profiling.timeline import Span, covered, outermost, within
from grps.backends.operators import Operator, Recording, TensorForm, merged, time_of
from grps.backends.torch.backend import load
from grps.config.schema import ModelConfig
from grps.errors import ModelError

_WARM_UP = 5
"""TorchScript rewrites a module in its first runs."""
_S_PER_US = 1e-6
_RUN = "grps: run"
_DTYPES = {
    "float": "float32",
    "double": "float64",
    "c10::Half": "float16",
    "c10::BFloat16": "bfloat16",
    "long int": "int64",
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "signed char": "int8",
    "unsigned char": "uint8",
    "bool": "bool",
}
"""Types of C++ by which the profiler names elements."""
_PRODUCTS: Mapping[str, tuple[int, int]] = {
    "mm": (0, 1),
    "bmm": (0, 1),
    "matmul": (0, 1),
    "addmm": (1, 2),
    "baddbmm": (1, 2),
}
"""Kinds that multiply matrices, with the inputs that are the factors."""
_SAME = frozenset(
    ("relu", "relu_", "relu6", "hardtanh", "hardtanh_", "sigmoid", "sigmoid_", "silu", "silu_",
     "tanh", "gelu", "hardswish", "hardswish_", "hardsigmoid", "clamp", "clamp_", "softmax",
     "log_softmax", "batch_norm", "layer_norm", "add", "add_", "sub", "mul", "mul_", "div",
     "exp", "neg", "abs", "sqrt", "rsqrt", "pow", "contiguous", "clone", "dropout", "dropout_")
)  # fmt: skip
"""Kinds whose output has the shape and type of their first input, other inputs broadcast."""
_CONVOLUTIONS = frozenset(("conv1d", "conv2d", "conv3d", "_convolution", "convolution"))
_STRIDE, _PADDING, _DILATION, _TRANSPOSED = 3, 4, 5, 6


def record(model: ModelConfig, inputs: Sequence[np.ndarray], runs: int) -> Recording:
    """Run a copy of a model with the profiler on; see ``operators.record``."""
    backend = load(model)
    for _ in range(_WARM_UP):
        backend.infer(inputs)

    def run() -> None:
        with record_function(_RUN):
            backend.infer(inputs)

    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as profiler:
        wall_s = time_of(run, runs)
    with tempfile.TemporaryDirectory(prefix="grps-profile-") as folder:
        file = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(file))
        events = msgspec.json.decode(file.read_bytes())["traceEvents"]
    return read_events(events, runs, wall_s)


def read_events(events: Iterable[Mapping[str, Any]], runs: int, wall_s: float) -> Recording:
    """Return what a trace says.

    Args:
        events: Those of the trace.
        runs: How many runs it has.
        wall_s: Their seconds as their caller saw them.

    Raises:
        ModelError: There are not so many runs.
    """
    found = [one for one in events if one.get("ph") == "X"]
    whole = [_span(one) for one in found if one["name"] == _RUN]
    if len(whole) < runs:
        raise ModelError(f"the trace has {len(whole)} of {runs} runs; try fewer runs")
    start, end = min(one.start for one in whole), max(one.end for one in whole)
    threads = {one.thread for one in whole}
    spans = within((_span(one) for one in found if _is_operator(one)), start, end)
    # What runs on other threads is a part of an operator of the caller's thread.
    calls = outermost([span for span in spans if span.thread in threads])
    return Recording(
        runs=runs,
        wall_s=wall_s,
        engine_s=sum(one.end - one.start for one in whole) * _S_PER_US,
        covered_s=covered(calls) * _S_PER_US,
        operators=merged(
            _operator(span.what, (span.end - span.start) * _S_PER_US) for span in calls
        ),
    )


def _is_operator(event: Mapping[str, Any]) -> bool:
    return event.get("cat") == "cpu_op" and "::" in event["name"]


def _span(event: Mapping[str, Any]) -> Span[Mapping[str, Any]]:
    start = float(event["ts"])
    return Span(start, start + float(event["dur"]), hash(event.get("tid", 0)), event)


def _operator(event: Mapping[str, Any], seconds: float) -> Operator:
    details = event.get("args", {})
    kind = str(event["name"]).removeprefix("aten::")
    inputs = _forms(details)
    outputs = _outputs(kind, inputs, details.get("Concrete Inputs", ()))
    return Operator(
        kind=kind,
        inputs=tuple(one for one in inputs if one is not None),
        outputs=outputs,
        seconds=seconds,
        flops=_flops(kind, inputs, outputs),
    )


Forms = Sequence[TensorForm | None]
"""A form for each argument, ``None`` for one that is no tensor."""


def _forms(details: Mapping[str, Any]) -> list[TensorForm | None]:
    shapes, types = details.get("Input Dims", ()), details.get("Input type", ())
    found: list[TensorForm | None] = []
    for shape, dtype in zip(shapes, types, strict=False):
        if dtype == "TensorList":
            # The trace does not say their type: that of the tensor before them, as a rule.
            known = next((one.dtype for one in reversed(found) if one is not None), "unknown")
            found += [TensorForm(known, tuple(one)) for one in shape]
        elif dtype in _DTYPES and all(isinstance(size, int) for size in shape):
            found.append(TensorForm(_DTYPES[dtype], tuple(shape)))
        else:
            found.append(None)
    return found


def _outputs(kind: str, inputs: Forms, arguments: Sequence[str]) -> tuple[TensorForm, ...]:
    """Return the outputs where the inputs say them, as the profiler does not."""
    first = inputs[0] if inputs else None
    if first is None:
        return ()
    shape: Sequence[int] | None = None
    if kind in _SAME:
        shape = np.broadcast_shapes(*_broadcast(kind, inputs))
    elif kind in _CONVOLUTIONS and len(inputs) > 1 and inputs[1] is not None:
        shape = _convolved(kind, first.shape, inputs[1].shape, arguments)
    elif kind == "linear" and len(inputs) > 1 and inputs[1] is not None:
        shape = (*first.shape[:-1], inputs[1].shape[0])
    elif kind in _PRODUCTS:
        left, right = (inputs[at] if len(inputs) > at else None for at in _PRODUCTS[kind])
        if left is not None and right is not None and len(left.shape) > 1 < len(right.shape):
            batches = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
            shape = (*batches, left.shape[-2], right.shape[-1])
    return () if shape is None else (TensorForm(first.dtype, tuple(shape)),)


def _broadcast(kind: str, inputs: Forms) -> Iterator[tuple[int, ...]]:
    arithmetic = kind.rstrip("_") in ("add", "sub", "mul", "div")
    for one in inputs[: 2 if arithmetic else 1]:
        if one is not None:
            yield one.shape


def _convolved(
    kind: str, shape: Sequence[int], weights: Sequence[int], arguments: Sequence[str]
) -> tuple[int, ...] | None:
    """Return the shape of a convolution's output; ``None`` if the trace does not say enough."""
    dimensions = len(weights) - 2
    try:
        stride, padding, dilation = (
            _sizes(arguments[at], dimensions) for at in (_STRIDE, _PADDING, _DILATION)
        )
        transposed = kind.endswith("convolution") and arguments[_TRANSPOSED] == "True"
    except (IndexError, ValueError):
        return None
    if transposed or len(shape) != len(weights):
        return None
    sizes = (
        (size + 2 * pad - step * (kernel - 1) - 1) // move + 1
        for size, kernel, move, pad, step in zip(
            shape[2:], weights[2:], stride, padding, dilation, strict=True
        )
    )
    return (shape[0], weights[0], *sizes)


def _sizes(text: str, count: int) -> list[int]:
    sizes = [int(part) for part in text.strip("[]").split(",")]
    return sizes * count if len(sizes) == 1 else sizes


def _flops(kind: str, inputs: Forms, outputs: Sequence[TensorForm]) -> float | None:
    if not outputs:
        return None
    output = outputs[0].shape
    if kind in _CONVOLUTIONS:
        weights = inputs[1].shape if inputs[1] is not None else ()
        return convolution_flops(output, weights, weights[0] if weights else 0)
    pair = (0, 1) if kind == "linear" else _PRODUCTS.get(kind)
    if pair is None:
        return None
    left, right = inputs[pair[0]], inputs[pair[1]]
    if left is None or right is None:
        return None
    return product_flops(left.shape, right.shape, output)
