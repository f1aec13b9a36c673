"""Operators of OpenVINO's models by its performance counters."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import openvino

from grps.backends.common.profiling.arithmetic import convolution_flops, product_flops
from grps.backends.openvino.backend import OpenvinoBackend, compile_model
from grps.backends.operators import Operator, Recording, TensorForm, merged
from grps.config.schema import ModelConfig
from grps.errors import ModelError

_WARM_UP = 2
_COUNTERS = {"PERF_COUNT": True}
_S_PER_MS = 1e-3
_DTYPES = {"boolean": "bool", "bf16": "bfloat16"}
_NOTHING = ("dynamic", "undefined")
"""Types of inputs that a node could have and has not."""
_CONVOLUTIONS = frozenset(("Convolution", "GroupConvolution"))
_PRODUCTS = frozenset(("MatMul", "FullyConnected"))


@dataclass(frozen=True, slots=True)
class _Forms:
    """The tensors of a node of the compiled model."""

    inputs: tuple[TensorForm, ...]
    outputs: tuple[TensorForm, ...]


def record(model: ModelConfig, inputs: Sequence[np.ndarray], runs: int) -> Recording:
    """Run a copy of a model with its counters on; see ``operators.record``."""
    compiled, device = compile_model(model, _COUNTERS)
    backend = OpenvinoBackend(compiled, device.lower())
    for _ in range(_WARM_UP):
        backend.infer(inputs)
    forms = _forms_of(model, compiled, inputs)
    before = _totals(backend.request, _WARM_UP)
    wall_s = engine_s = 0.0
    for _ in range(runs):
        began = time.perf_counter()
        backend.infer(inputs)
        wall_s += time.perf_counter() - began
        engine_s += backend.request.latency * _S_PER_MS
    after = _totals(backend.request, _WARM_UP + runs)
    operators = [
        _operator(counter, forms, max(0.0, total_s - before.get(name, (None, 0.0))[1]), runs)
        for name, (counter, total_s) in after.items()
    ]
    return Recording(
        runs=runs,
        wall_s=wall_s,
        engine_s=engine_s,
        covered_s=sum(one.seconds for one in operators),
        operators=merged(operators),
    )


def _totals(request: openvino.InferRequest, runs: int) -> dict[str, tuple[Any, float]]:
    """Return the counter of each node that was executed, with its seconds in all runs until now.

    A counter has the mean of all runs since the model was compiled, in whole microseconds.
    """
    executed = openvino.ProfilingInfo.Status.EXECUTED
    return {
        str(one.node_name): (one, one.real_time.total_seconds() * runs)
        for one in request.get_profiling_info()
        if one.status == executed
    }


def _operator(counter: Any, forms: Mapping[str, _Forms], seconds: float, calls: int) -> Operator:
    form = forms.get(counter.node_name, _Forms((), ()))
    return Operator(
        kind=str(counter.node_type),
        name=str(counter.node_name),
        inputs=form.inputs,
        outputs=form.outputs,
        seconds=seconds,
        calls=calls,
        flops=_flops(str(counter.node_type), form),
        runs_as=str(counter.exec_type),
    )


def _forms_of(
    model: ModelConfig, compiled: openvino.CompiledModel, inputs: Sequence[np.ndarray]
) -> dict[str, _Forms]:
    """Return the tensors of each node; none for nodes whose sizes are not known.

    A model with dynamic sizes has no other ones when it is compiled. Then it is compiled again for
    the sizes of the inputs: nodes of the same name have the same tensors.
    """
    if any(port.partial_shape.is_dynamic for port in compiled.inputs):
        shapes = {index: list(array.shape) for index, array in enumerate(inputs)}
        with suppress(ModelError):
            compiled, _ = compile_model(model, change=lambda network: network.reshape(shapes))
    found = {}
    for node in compiled.get_runtime_model().get_ops():
        ports = [*node.inputs(), *node.outputs()]
        if all(port.get_partial_shape().is_static for port in ports):
            found[str(node.get_friendly_name())] = _Forms(
                tuple(_forms(node.inputs())), tuple(_forms(node.outputs()))
            )
    return found


def _forms(ports: Iterable[Any]) -> Iterator[TensorForm]:
    for port in ports:
        name = str(port.get_element_type().get_type_name())
        if name in _NOTHING:
            continue
        if name not in _DTYPES and name[:1] in "fiu" and name[1:].isdecimal():
            name = {"f": "float", "i": "int", "u": "uint"}[name[0]] + name[1:]
        yield TensorForm(_DTYPES.get(name, name), tuple(port.get_shape()))


def _flops(kind: str, form: _Forms) -> float | None:
    if len(form.inputs) <= 1 or not form.outputs:
        return None
    left, right, output = form.inputs[0].shape, form.inputs[1].shape, form.outputs[0].shape
    if kind in _CONVOLUTIONS:
        if len(output) <= 1:
            return None
        # Weights of groups have a dimension more: groups, then outputs of each.
        is_grouped = len(right) > len(output)
        return convolution_flops(output, right, prod(right[:2]) if is_grouped else right[0])
    return product_flops(left, right, output) if kind in _PRODUCTS else None
