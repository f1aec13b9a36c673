"""ONNX models on ONNX Runtime."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.arguments import as_list, library_paths, read_arguments
from grps.backends.common.arrays import texts_of, wire_array
from grps.backends.common.causes import run_error
from grps.backends.common.device import Device, parse_device
from grps.backends.common.onnx.causes import onnxruntime_cause
from grps.backends.common.onnx.external_data import read_external_data
from grps.backends.common.warm_up import first_run
from grps.backends.formats import expect_format, only_file
from grps.backends.onnxruntime.arena import Arena
from grps.backends.onnxruntime.outputs import (
    labels_of,
    map_spec,
    served,
    table_of,
    with_labels,
)
from grps.backends.onnxruntime.providers import check_started, choose_providers
from grps.config.schema import ModelConfig
from grps.errors import GrpsError, ModelError
from grps.machine import usable_cpus

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
    "tensor(bool)": "bool",
}
"""Element types of ONNX."""

_BOOL = "tensor(bool)"
_STRING = "tensor(string)"
_LEVELS = {
    "disable": onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_LOG_ERRORS = 3


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
    providers: str | tuple[str, ...] = ()
    """Execution providers in order of preference; CUDA or the CPU by ``device`` when empty."""
    provider_options: dict[str, dict[str, str | int | float | bool]] = {}
    """Options by provider, in ONNX Runtime's own words."""
    io_binding: bool | None = None
    """Bind inputs and outputs to memory before a run; where it runs on a GPU when absent."""
    native: bool = False
    """Run in native threads that need no Python; on the CPU, without converters."""
    gpu_mem_limit_mib: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Most memory of its GPU that this copy may take; its share of ``gpu.mem_limit_mib``."""
    arena_gc_interval_s: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Seconds after which a run gives unused memory back; those of ``gpu.mem_gc_interval``."""


class OnnxruntimeBackend:
    """One session of ONNX Runtime."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        device: Device,
        arguments: OnnxruntimeArguments,
        weights: Sequence[np.ndarray] = (),
    ) -> None:
        """Serve ``session``, which runs on ``device`` and may refer to ``weights`` in memory.

        Raises:
            ModelError: An input or output has a type that the wire can't carry.
        """
        inputs, outputs = session.get_inputs(), served(session.get_outputs())
        self._session = session
        self._weights = weights
        self._signature = Signature(
            inputs=tuple(_spec("input", node) for node in inputs),
            outputs=tuple(map_spec(node) or _spec("output", node) for node in outputs),
            strict_names=True,
            device=str(device),
        )
        self._input_names = [node.name for node in inputs]
        self._output_names = [node.name for node in outputs]
        self._text_inputs = [node.name for node in inputs if node.type == _STRING]
        self._bool_inputs = [node.name for node in inputs if node.type == _BOOL]
        wanted = arguments.io_binding
        on_gpu = device.kind == "cuda"
        self._map_types = {
            node.name: str(spec.dtype) for node in outputs if (spec := map_spec(node)) is not None
        }
        # Neither strings nor maps can be bound.
        unbound = any(node.type == _STRING for node in (*inputs, *outputs)) or self._map_types
        self._binds = (on_gpu if wanted is None else wanted) and not unbound
        arena = f"gpu:{device.index}" if on_gpu else "cpu:0"
        self._memory = Arena(arena, arguments.arena_gc_interval_s)
        self._labels: dict[str, list[Any]] = {}
        if self._map_types:
            self._learn_labels()

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, in the order ``infer`` takes them."""
        return self._signature

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the model once; see ``Backend.infer``."""
        feed = dict(zip(self._input_names, inputs, strict=True))
        for name in self._bool_inputs:
            feed[name] = feed[name].astype(np.bool_)
        for name in self._text_inputs:
            feed[name] = texts_of(name, feed[name])
        try:
            values = self._run_bound(feed) if self._binds else self._run(feed)
        except Exception as error:
            refused = isinstance(error, InvalidArgument)
            raise run_error(onnxruntime_cause(error), is_input=refused) from error
        named = zip(self._output_names, values, strict=True)
        if not self._map_types:
            return [(name, wire_array(value)) for name, value in named]
        return [
            (name, self._table(name, value) if name in self._map_types else wire_array(value))
            for name, value in named
        ]

    def end_profiling(self) -> str:
        """End the profiler of a session that has one on; return the path of the file it wrote."""
        return str(self._session.end_profiling())

    def _table(self, name: str, maps: Sequence[dict[Any, float]]) -> np.ndarray:
        if name not in self._labels and maps:
            self._labels[name] = labels_of(maps)
        return table_of(maps, self._map_types[name], self._labels.get(name, ()))

    def _learn_labels(self) -> None:
        """Run the model once for the labels of its maps, which the session does not report."""
        with suppress(GrpsError):
            first_run(self)
        self._signature = dataclasses.replace(
            self._signature,
            outputs=tuple(
                with_labels(spec, self._labels[spec.name]) if spec.name in self._labels else spec
                for spec in self._signature.outputs
            ),
        )

    def _run(self, feed: dict[str, np.ndarray]) -> list[Any]:
        options = self._memory.run_options()
        return list(self._session.run(self._output_names, feed, options))

    def _run_bound(self, feed: dict[str, np.ndarray]) -> list[Any]:
        """Run with inputs read where they are and outputs copied once, to the CPU."""
        binding = self._session.io_binding()
        for name, array in feed.items():
            binding.bind_cpu_input(name, array)
        for name in self._output_names:
            binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(binding, self._memory.run_options())
        return list(binding.copy_outputs_to_cpu())


def load(
    model: ModelConfig, prepare: Callable[[onnxruntime.SessionOptions], None] | None = None
) -> OnnxruntimeBackend:
    """Load one copy of ``model`` from its ``.onnx`` file, or the directory that holds it.

    Args:
        model: The model.
        prepare: Changes the options of the session.

    Raises:
        DeviceError: The device is unknown, absent or beyond this build of ONNX Runtime.
        ModelError: The file is no such model, or ONNX Runtime refused it.
    """
    arguments = read_arguments(OnnxruntimeArguments, model.inferer_args)
    device, providers = choose_providers(
        parse_device(model.device, model.inp_device),
        as_list(arguments.providers),
        arguments.provider_options,
        arguments.gpu_mem_limit_mib,
    )
    path = Path(model.inferer_path or "")
    expect_format(path, "onnxruntime")
    path = only_file(path, ".onnx")
    options = _options(arguments)
    if prepare is not None:
        prepare(options)
    weights = read_external_data(path, options)
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise ModelError(f"{path}: {onnxruntime_cause(error)}") from error
    check_started(providers, session.get_providers())
    return OnnxruntimeBackend(session, device, arguments, weights)


def _options(arguments: OnnxruntimeArguments) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_ERRORS
    options.intra_op_num_threads = arguments.intra_op_threads or usable_cpus()
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
