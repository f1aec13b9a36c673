"""Stand-ins for the modules ``tensorrt`` and ``cuda.bindings.runtime``.

The real ``tensorrt`` crashes without a driver. These have the names and rules of its
documentation, as far as the adapter uses them, over real memory of this process: copies and runs
happen when the stream is waited for.
"""

from __future__ import annotations

import ctypes
import enum
import json
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np

Status = enum.Enum(
    "Status", {"cudaSuccess": 0, "cudaErrorMemoryAllocation": 2, "cudaErrorNoDevice": 100}
)
NUMPY = {"FLOAT": "float32", "INT32": "int32", "BOOL": "uint8", "HALF": "float16"}


class FakeRuntime(types.ModuleType):
    """``cuda.bindings.runtime`` with two devices."""

    cudaStreamNonBlocking = 1
    cudaMemcpyKind = enum.Enum("cudaMemcpyKind", "cudaMemcpyHostToDevice cudaMemcpyDeviceToHost")

    def __init__(self) -> None:
        super().__init__("cuda.bindings.runtime")
        self.devices = 2
        self.selected: list[int] = []
        self.memory: dict[int, Any] = {}
        self.streams: dict[int, list[Callable[[], Any]]] = {}
        self.memory_limit = 1 << 30

    def cudaGetErrorName(self, status: Status) -> tuple[Status, bytes]:
        return Status.cudaSuccess, status.name.encode()

    def cudaGetErrorString(self, status: Status) -> tuple[Status, bytes]:
        return Status.cudaSuccess, f"words for {status.value}".encode()

    def cudaGetDeviceCount(self) -> tuple[Status, int | None]:
        if not self.devices:
            return Status.cudaErrorNoDevice, None
        return Status.cudaSuccess, self.devices

    def cudaSetDevice(self, index: int) -> tuple[Status]:
        self.selected.append(index)
        return (Status.cudaSuccess,)

    def cudaMalloc(self, size: int) -> tuple[Status, int | None]:
        if size > self.memory_limit:
            return Status.cudaErrorMemoryAllocation, None
        block = (ctypes.c_ubyte * size)()
        self.memory[ctypes.addressof(block)] = block
        return Status.cudaSuccess, ctypes.addressof(block)

    cudaMallocHost = cudaMalloc

    def cudaFree(self, address: int) -> tuple[Status]:
        del self.memory[address]
        return (Status.cudaSuccess,)

    cudaFreeHost = cudaFree

    def cudaMemcpyAsync(
        self, target: int, source: int, size: int, kind: Any, stream: int
    ) -> tuple[Status]:
        assert kind in self.cudaMemcpyKind
        assert {target, source} <= self.memory.keys()
        self.streams[stream].append(lambda: ctypes.memmove(target, source, size))
        return (Status.cudaSuccess,)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Status, int]:
        assert flags == self.cudaStreamNonBlocking
        stream = 1000 + len(self.streams)
        self.streams[stream] = []
        return Status.cudaSuccess, stream

    def cudaStreamDestroy(self, stream: int) -> tuple[Status]:
        del self.streams[stream]
        return (Status.cudaSuccess,)

    def cudaStreamSynchronize(self, stream: int) -> tuple[Status]:
        steps, self.streams[stream] = self.streams[stream], []
        for step in steps:
            step()
        return (Status.cudaSuccess,)


class Dims(list[int]):
    """A sequence that is no tuple, as TensorRT's is."""


class ILogger:
    Severity = enum.Enum("Severity", "INTERNAL_ERROR ERROR WARNING INFO VERBOSE")

    def log(self, severity: Any, msg: str) -> None:
        raise NotImplementedError


class IOutputAllocator:
    pass


class FakeContext:
    """Doubles every input into the output of the same place; cuts it where the plan says so."""

    def __init__(self, engine: FakeEngine) -> None:
        self.engine = engine
        self.cuda = engine.module.cuda
        self.log = engine.log
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.allocators: dict[str, Any] = {}

    def fails(self, call: str) -> bool:
        if self.engine.module.failing != call:
            return False
        self.log.log(ILogger.Severity.ERROR, f"IExecutionContext::{call}: Error Code 3: API Usage "
                     f"Error (Parameter check failed in {call}.)")  # fmt: skip
        return True

    def set_optimization_profile_async(self, index: int, stream: int) -> bool:
        assert stream in self.cuda.streams
        assert index < self.engine.num_optimization_profiles
        if self.fails("profile"):
            raise RuntimeError("Error in set optimization profile async.")
        return True

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert isinstance(shape, tuple)
        self.shapes[name] = shape
        return not self.fails("set_input_shape")

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert address in self.cuda.memory
        self.addresses[name] = address
        return not self.fails("set_tensor_address")

    def set_output_allocator(self, name: str, allocator: Any) -> bool:
        assert isinstance(allocator, IOutputAllocator)
        self.allocators[name] = allocator
        return not self.fails("set_output_allocator")

    def infer_shapes(self) -> list[str]:
        if self.fails("infer_shapes"):
            raise RuntimeError("shape inference failed")
        return ["x"] if self.engine.module.failing == "missing" else []

    def get_max_output_size(self, name: str) -> int:
        if self.engine.module.failing == "size":
            return -1
        return math.prod(self.shapes[self.source(name)]) * self.engine.dtype(name).itemsize

    def get_tensor_shape(self, name: str) -> Dims:
        if name in self.shapes:
            return Dims(self.shapes[name])
        shape = self.shapes[self.source(name)]
        return Dims([-1] if self.engine.tensors[name].get("cut") else shape)

    def execute_async_v3(self, stream: int) -> bool:
        if self.fails("execute_async_v3"):
            return False
        for name, told in self.engine.tensors.items():
            if not told["input"]:
                self.start(name, stream)
        return True

    def start(self, name: str, stream: int) -> None:
        source = self.source(name)
        dtype, count = self.engine.dtype(name), math.prod(self.shapes[source])
        where = self.addresses.get(name, 0)
        if name in self.allocators:
            count = min(count, 2)
            size = count * dtype.itemsize
            where = self.allocators[name].reallocate_output_async(name, 0, size, 256, stream)
            assert self.allocators[name].reallocate_output_async(name, 0, 1 << 40, 256, 0) is None
            if self.engine.module.failing != "notify":
                self.allocators[name].notify_shape(name, Dims([count]))
        values = self.addresses[source]

        def compute() -> None:
            got = np.ctypeslib.as_array((ctypes.c_ubyte * (count * dtype.itemsize)).from_address(
                values)).view(dtype)  # fmt: skip
            doubled = (got * 2).astype(dtype)
            ctypes.memmove(where, doubled.ctypes.data, doubled.nbytes)

        self.cuda.streams[stream].append(compute)

    def source(self, name: str) -> str:
        return str(self.engine.tensors[name]["of"])


class FakeEngine:
    """An engine with the tensors of a plan."""

    def __init__(self, module: FakeTensorrt, log: ILogger, tensors: dict[str, Any]) -> None:
        self.module = module
        self.log = log
        self.tensors = tensors
        self.num_io_tensors = len(tensors)
        self.num_optimization_profiles = max(len(t.get("ranges", [0])) for t in tensors.values())
        self.contexts = 0

    def dtype(self, name: str) -> np.dtype:
        return np.dtype(NUMPY[self.tensors[name]["kind"]])

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_mode(self, name: str) -> Any:
        modes = self.module.TensorIOMode
        return modes.INPUT if self.tensors[name]["input"] else modes.OUTPUT

    def get_tensor_shape(self, name: str) -> Dims:
        return Dims(self.tensors[name]["shape"])

    def get_tensor_dtype(self, name: str) -> Any:
        return self.module.DataType[self.tensors[name]["kind"]]

    def get_tensor_location(self, name: str) -> Any:
        return self.module.TensorLocation.DEVICE

    def get_tensor_format(self, name: str, profile: int) -> Any:
        assert 0 <= profile < self.num_optimization_profiles
        return self.module.TensorFormat[self.tensors[name].get("format", "LINEAR")]

    def get_tensor_profile_shape(self, name: str, profile: int) -> list[Dims]:
        return [Dims(shape) for shape in self.tensors[name]["ranges"][profile]]

    def create_execution_context(self) -> FakeContext | None:
        self.contexts += 1
        if self.contexts == self.module.contexts_left + 1:
            self.log.log(ILogger.Severity.ERROR, "[defaultAllocator.cpp::allocate::31] Error Code "
                         "1: Cuda Runtime (out of memory)")  # fmt: skip
            return None
        return FakeContext(self)


class FakeTensorrt(types.ModuleType):
    """``tensorrt``."""

    TensorIOMode = enum.Enum("TensorIOMode", "NONE INPUT OUTPUT")
    TensorLocation = enum.Enum("TensorLocation", "DEVICE HOST")
    TensorFormat = enum.Enum("TensorFormat", "LINEAR CHW4")
    DataType = enum.Enum("DataType", "FLOAT HALF INT32 BOOL FP8")

    def __init__(self, cuda: FakeRuntime) -> None:
        super().__init__("tensorrt")
        self.ILogger = ILogger
        self.IOutputAllocator = IOutputAllocator
        self.__version__ = "10.9.0.34"
        self.cuda = cuda
        self.failing = ""
        """The call of a context that fails."""
        self.contexts_left = 99
        self.error = ""
        """What the log says when an engine is refused."""
        self.engines: list[FakeEngine] = []
        self.plugins = 0

    def init_libnvinfer_plugins(self, log: ILogger, namespace: str) -> bool:
        assert namespace == ""
        self.plugins += 1
        return True

    def Runtime(self, log: ILogger) -> Any:
        assert self.cuda.selected, "a runtime before a device"

        def deserialize(plan: Any) -> FakeEngine | None:
            if bytes(plan[:4]) != b"ftrt":
                for line in self.error.splitlines():
                    log.log(ILogger.Severity.ERROR, line)
                return None
            log.log(ILogger.Severity.INFO, "loaded")
            log.log(ILogger.Severity.WARNING, "slow")
            self.engines.append(FakeEngine(self, log, json.loads(bytes(plan[4:]))))
            return self.engines[-1]

        return types.SimpleNamespace(deserialize_cuda_engine=deserialize)


def plan(**tensors: dict[str, Any]) -> bytes:
    """Return the bytes of an engine that ``FakeTensorrt`` reads."""
    return b"ftrt" + json.dumps(tensors).encode()
