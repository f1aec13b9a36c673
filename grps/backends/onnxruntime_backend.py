"""ONNX models on ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import onnxruntime

from grps.backends.arguments import library_paths, read_arguments
from grps.backends.base import Signature, TensorSpec
from grps.backends.causes import onnxruntime_cause
from grps.backends.device import Device, choose_device, parse_device
from grps.backends.formats import expect_format, only_file
from grps.config.schema import ModelConfig
from grps.errors import DeviceError, ModelError

_DTYPES = {
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
    "tensor(float16)": "float16",
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(string)": "string",
    "tensor(bool)": "uint8",
}
"""Element types of ONNX as they are on the wire, where a bool is a uint8."""

_BOOL = "tensor(bool)"
_CUDA = "CUDAExecutionProvider"
_CPU = "CPUExecutionProvider"
_LEVELS = {
    "disable": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_LOG_ERRORS = 3
_LOG_NOTHING = 4
"""Errors of a run reach the user as exceptions; ONNX Runtime need not write them as well."""


class OnnxruntimeArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of an ONNX model."""

    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Threads that share one operator; one per core this process may use when absent."""
    inter_op_threads: Annotated[int, msgspec.Meta(ge=1)] = 1
    """Threads that run independent operators side by side."""
    graph_optimization_level: Literal["disable", "basic", "extended", "all"] = "all"
    allow_spinning: bool = False
    """Let idle threads spin: a little faster alone, and wasteful in a server."""
    custom_op_paths: str | tuple[str, ...] | None = None
    """Libraries of custom operators."""
    customized_op_paths: str | tuple[str, ...] | None = None
    """The same under upstream's name."""


class OnnxruntimeBackend:
    """One session of ONNX Runtime."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        """Serve ``session``.

        Raises:
            ModelError: An input or output has a type that the wire can't carry.
        """
        inputs, outputs = session.get_inputs(), session.get_outputs()
        self._session = session
        self._signature = Signature(
            inputs=tuple(_spec("input", node) for node in inputs),
            outputs=tuple(_spec("output", node) for node in outputs),
            strict_names=True,
        )
        self._input_names = [node.name for node in inputs]
        self._output_names = [node.name for node in outputs]
        self._bool_inputs = [node.name for node in inputs if node.type == _BOOL]
        self._run_options = onnxruntime.RunOptions()
        self._run_options.log_severity_level = _LOG_NOTHING

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, in the order ``infer`` takes them."""
        return self._signature

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the model once; see ``Backend.infer``."""
        feed = dict(zip(self._input_names, inputs, strict=True))
        for name in self._bool_inputs:
            feed[name] = feed[name].astype(np.bool_)
        try:
            values = self._session.run(self._output_names, feed, self._run_options)
        except Exception as error:
            raise ModelError(onnxruntime_cause(error)) from error
        return [
            (name, _wire_array(value))
            for name, value in zip(self._output_names, values, strict=True)
        ]


def load(model: ModelConfig) -> OnnxruntimeBackend:
    """Load one copy of ``model`` from its ``.onnx`` file, or the directory that holds it.

    Raises:
        DeviceError: The device is unknown, absent or beyond this build of ONNX Runtime.
        ModelError: The file is no such model, or ONNX Runtime refused it.
    """
    arguments = read_arguments(OnnxruntimeArguments, model.inferer_args)
    device = _choose(parse_device(model.device, model.inp_device))
    path = Path(model.inferer_path or "")
    expect_format(path, "onnxruntime")
    path = only_file(path, ".onnx")
    options = _options(arguments)
    providers: list[Any] = [_CPU]
    if device.kind == "cuda":
        providers.insert(0, (_CUDA, {"device_id": str(device.index)}))
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise ModelError(f"{path}: {onnxruntime_cause(error)}") from error
    if device.kind == "cuda" and _CUDA not in session.get_providers():
        raise DeviceError(
            f"device {device}: ONNX Runtime can't start CUDA there; check the driver and the "
            "CUDA libraries, or use device: cpu"
        )
    return OnnxruntimeBackend(session)


def _choose(device: Device) -> Device:
    """Settle the device; ``original`` means the CPU, as ONNX files name no device."""
    built_in = _CUDA in onnxruntime.get_available_providers()
    if device.kind == "auto" and not built_in:
        return Device("cpu")
    if device.kind == "original":
        device = device.inputs or Device("cpu")
    # ONNX Runtime tells no count of devices before a session starts on one.
    count = max(1, device.index + 1) if built_in else 0
    return choose_device(
        device, count, "this build of onnxruntime has no CUDA; install onnxruntime-gpu"
    )


def _options(arguments: OnnxruntimeArguments) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_ERRORS
    cores = len(os.sched_getaffinity(0))
    options.intra_op_num_threads = arguments.intra_op_threads or cores
    options.inter_op_num_threads = arguments.inter_op_threads
    if arguments.inter_op_threads > 1:
        options.execution_mode = onnxruntime.ExecutionMode.ORT_PARALLEL
    options.graph_optimization_level = _LEVELS[arguments.graph_optimization_level]
    spinning = "1" if arguments.allow_spinning else "0"
    options.add_session_config_entry("session.intra_op.allow_spinning", spinning)
    options.add_session_config_entry("session.inter_op.allow_spinning", spinning)
    for library in (
        *library_paths(arguments.custom_op_paths),
        *library_paths(arguments.customized_op_paths),
    ):
        try:
            options.register_custom_ops_library(str(library))
        except Exception as error:
            raise ModelError(f"library of custom operators: {onnxruntime_cause(error)}") from error
    return options


def _spec(kind: str, node: Any) -> TensorSpec:
    dtype = _DTYPES.get(node.type)
    if dtype is None:
        raise ModelError(
            f"{kind} {node.name} has the unsupported type {node.type}; supported: "
            f"{', '.join(_DTYPES)}"
        )
    # ONNX Runtime shows a scalar and an unknown rank alike, as no dimensions.
    shape = tuple(dim if isinstance(dim, int) else None for dim in node.shape)
    return TensorSpec(node.name, dtype, shape or None)


def _wire_array(value: Any) -> np.ndarray:
    array = np.asarray(value, order="C")
    return array.view(np.uint8) if array.dtype == np.bool_ else array
