"""OpenVINO: its own IR and ONNX models, run by several infer requests at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import openvino

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.arguments import library_paths, read_arguments
from grps.backends.common.arrays import wire_array
from grps.backends.common.causes import run_error
from grps.backends.common.device import Device, parse_device
from grps.backends.common.language.text_arguments import TextModelArguments, refuse_text_arguments
from grps.backends.common.language.text_files import text_files
from grps.backends.formats import expect_format, only_file
from grps.backends.openvino.causes import openvino_cause
from grps.backends.openvino.text.network import read_network
from grps.config.schema import ModelConfig
from grps.errors import DeviceError, ModelError
from grps.machine import usable_cpus

_DTYPES = {
    "u8": "uint8",
    "i8": "int8",
    "i16": "int16",
    "i32": "int32",
    "i64": "int64",
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "boolean": "bool",
}
"""Element types of OpenVINO.

Strings are left out: a model of 2026.4 that passes strings on crashes its process at the end.
"""

_MAPS = "ENABLE_MMAP"
_PINS = "ENABLE_CPU_PINNING"
"""Whether threads stay on one processor each: OpenVINO takes the first ones for every copy."""
_PRECISION = "INFERENCE_PRECISION_HINT"
_READING = threading.Lock()
_BOOL = "boolean"
_SUFFIXES = {"openvino": ".xml", "onnx": ".onnx"}


class OpenvinoArguments(TextModelArguments, frozen=True):
    """``inferer_args`` of an OpenVINO model."""

    streams: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """Infer requests of one compiled model that may be in progress at once."""
    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """CPU threads of one run; a share of the usable CPUs when absent."""
    inference_precision: Literal["f32", "bf16", "f16"] | None = None
    """What the arithmetic is done in; OpenVINO's choice for the processor when absent."""
    cache_dir: str | None = None
    """Where compiled models are kept, so that the next start is quick."""
    properties: dict[str, str | int | float | bool] = msgspec.field(default_factory=dict)
    """Properties of the device by OpenVINO's names; they win over all of the above."""
    customized_op_paths: str | tuple[str, ...] | None = None
    """Libraries of extensions."""
    native: bool = False
    """Run in native threads that need no Python; on the CPU, without converters."""


class OpenvinoBackend:
    """One infer request of a compiled model. Several share the model, each in its own thread."""

    def __init__(self, compiled: openvino.CompiledModel, device: str) -> None:
        """Run ``compiled``, which is on ``device``, in the words of that key.

        Raises:
            ModelError: An input or output has a type that the wire can't carry.
        """
        inputs = tuple(_spec("input", index, port) for index, port in enumerate(compiled.inputs))
        outputs = tuple(_spec("output", index, port) for index, port in enumerate(compiled.outputs))
        self._signature = Signature(inputs, outputs, strict_names=True, device=device)
        self._names = [spec.name for spec in outputs]
        self._bools = [
            index for index, port in enumerate(compiled.inputs) if _type_name(port) == _BOOL
        ]
        self._request = compiled.create_infer_request()

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, in the order ``infer`` takes them."""
        return self._signature

    @property
    def request(self) -> openvino.InferRequest:
        """What runs the model."""
        return self._request

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the model once; see ``Backend.infer``."""
        arrays = list(inputs)
        for index in self._bools:
            arrays[index] = arrays[index].astype(np.bool_)
        try:
            answer = self._request.infer(arrays, share_inputs=True)
        except Exception as error:
            raise run_error(openvino_cause(error)) from error
        return [
            (name, wire_array(value))
            for name, value in zip(self._names, answer.to_tuple(), strict=True)
        ]


def load(model: ModelConfig) -> OpenvinoBackend:
    """Load one copy of ``model`` with one infer request.

    Raises:
        GrpsError: As ``load_all``.
    """
    return load_all(model)[0]


def load_all(model: ModelConfig) -> list[OpenvinoBackend]:
    """Compile ``model`` once and return one infer request per stream of it.

    Raises:
        DeviceError: The device is unknown or absent.
        ModelError: The file is no such model, or OpenVINO refused it.
    """
    compiled, device = compile_model(model)
    streams = read_arguments(OpenvinoArguments, model.inferer_args).streams
    path = Path(model.inferer_path or "")
    place = device.lower().replace(".", ":")
    try:
        return [OpenvinoBackend(compiled, place) for _ in range(streams)]
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{path}: {openvino_cause(error)}") from error


def compile_model(
    model: ModelConfig,
    more: Mapping[str, Any] | None = None,
    change: Callable[[openvino.Model], None] | None = None,
) -> tuple[openvino.CompiledModel, str]:
    """Compile ``model`` and return it with the device it is on, as OpenVINO names it.

    Args:
        model: The model.
        more: Properties besides those of ``inferer_args``.
        change: Changes the model before it is compiled.

    Raises:
        DeviceError: The device is unknown or absent.
        ModelError: The file is no such model, or OpenVINO refused it.
    """
    arguments = read_arguments(OpenvinoArguments, model.inferer_args)
    path = Path(model.inferer_path or "")
    found = expect_format(path, "openvino")
    if found in _SUFFIXES:
        path = only_file(path, _SUFFIXES[found])
        refuse_text_arguments(arguments)
    core = shared_core()
    device = parse_device(model.device, model.inp_device)
    name = _device_name(device, core.available_devices)

    def read() -> openvino.Model:
        if found in _SUFFIXES:
            network = core.read_model(path)
        else:
            network = read_network(core, text_files(path, arguments))
        if change is not None:
            change(network)
        return network

    try:
        for library in library_paths(arguments.customized_op_paths):
            core.add_extension(str(library))
        properties = _properties(arguments, name)
        if found not in _SUFFIXES:
            # The same text has the same embedding, whatever the machine.
            properties.setdefault(_PRECISION, "f32")
        return _compile(core, read, name, properties | dict(more or {})), name
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{path}: {openvino_cause(error)}") from error


@cache
def shared_core() -> openvino.Core:
    """Return the one core of the process, which is never released.

    Its CPU plugin makes memory of its own the signal stack of the thread that loads it first, and
    unmaps that memory when the last core goes: the next signal would then crash the process.
    """
    return openvino.Core()


def _compile(
    core: openvino.Core,
    read: Callable[[], openvino.Model],
    device: str,
    properties: dict[str, Any],
) -> openvino.CompiledModel:
    """Read and compile a model.

    Weights are read, not mapped, unless the user maps them: a mapped file that is overwritten
    changes the answers, and one that gets shorter ends the process. The core keeps this setting
    for itself, so models are read one at a time.
    """
    properties = dict(properties)
    with _READING:
        core.set_property({_MAPS: properties.pop(_MAPS, False)})
        return core.compile_model(read(), device, properties)


def _device_name(device: Device, available: Sequence[str]) -> str:
    """Return the device as OpenVINO names it; ``original`` means the CPU, as files name none.

    Raises:
        DeviceError: It is absent, or no device of OpenVINO.
    """
    place = device.place
    if place.kind in ("auto", "cpu", "original"):
        return "CPU"
    if place.kind == "cuda" and not place.any_gpu:
        raise DeviceError(
            f"device {place}: OpenVINO runs on CPUs, and on GPUs and NPUs of Intel; "
            "use cpu, gpu or npu"
        )
    kind = "GPU" if place.kind == "cuda" else "NPU"
    there = [name for name in available if name.split(".")[0] == kind]
    wanted = f"{kind}.{place.index}"
    if wanted in there:
        return wanted
    if place.index == 0 and kind in there:
        return kind
    raise DeviceError(
        f"device {kind.lower()}:{place.index}: OpenVINO finds {', '.join(available)} on this "
        "machine; check the driver, or use device: cpu"
    )


def _properties(arguments: OpenvinoArguments, device: str) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY" if arguments.streams == 1 else "THROUGHPUT",
        "PERFORMANCE_HINT_NUM_REQUESTS": arguments.streams,
    }
    if device == "CPU":
        properties["NUM_STREAMS"] = arguments.streams
        if arguments.intra_op_threads:
            threads = arguments.intra_op_threads * arguments.streams
            properties["INFERENCE_NUM_THREADS"] = threads
            if threads < usable_cpus():
                properties[_PINS] = False
    if arguments.inference_precision:
        properties[_PRECISION] = arguments.inference_precision
    if arguments.cache_dir:
        properties["CACHE_DIR"] = arguments.cache_dir
    return properties | arguments.properties


def _spec(what: str, index: int, port: Any) -> TensorSpec:
    name = port.any_name if port.names else f"{what}_{index}"
    element = _type_name(port)
    dtype = _DTYPES.get(element)
    if dtype is None:
        raise ModelError(
            f"{what} {name} has the unsupported type {element}; supported: {', '.join(_DTYPES)}"
        )
    if port.partial_shape.rank.is_dynamic:
        return TensorSpec(name, dtype, None)
    shape = tuple(None if dim.is_dynamic else dim.get_length() for dim in port.partial_shape)
    return TensorSpec(name, dtype, shape)


def _type_name(port: Any) -> str:
    return str(port.element_type.get_type_name())
