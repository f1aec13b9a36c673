"""Engines and execution contexts of TensorRT 10 and newer."""

from __future__ import annotations

import ctypes
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorrt

from grps.backends.tensorrt.causes import load_advice, tensorrt_cause
from grps.backends.tensorrt.seam import EngineLayout, EngineTensor, Shape, ShapeRange
from grps.errors import ModelError
from grps.log import logger

_OLDEST = 10
_METADATA_LENGTH_BYTES = 4
_DATA_DEPENDENT = -1


class TensorrtLog(tensorrt.ILogger):
    """What TensorRT logs: all into GRPS's log, and its errors kept for the cause of a failure."""

    def __init__(self) -> None:
        """Begin without errors."""
        tensorrt.ILogger.__init__(self)
        self._errors = threading.local()

    def log(self, severity: Any, msg: str) -> None:
        """Take one message; TensorRT calls this in the thread that called it."""
        levels = tensorrt.ILogger.Severity
        if severity in (levels.INTERNAL_ERROR, levels.ERROR):
            self._kept().append(msg)
            logger.error("TensorRT: %s", msg)
        elif severity == levels.WARNING:
            logger.warning("TensorRT: %s", msg)
        else:
            logger.debug("TensorRT: %s", msg)

    def begin(self) -> None:
        """Forget this thread's errors: a call begins."""
        self._kept().clear()

    def cause(self, otherwise: str) -> str:
        """Return why the call failed that began last in this thread."""
        return tensorrt_cause(self._kept(), otherwise)

    def _kept(self) -> list[str]:
        if not hasattr(self._errors, "messages"):
            self._errors.messages = []
        kept: list[str] = self._errors.messages
        return kept


class TensorrtEngine:
    """A loaded engine, from which any number of execution contexts run."""

    def __init__(self, engine: Any, log: TensorrtLog, runtime: Any) -> None:
        """Describe ``engine``; its log and runtime must live as long.

        Raises:
            ModelError: A tensor has another memory format than the plain one.
        """
        self._engine = engine
        self._log = log
        self._runtime = runtime
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        inputs = [name for name in names if self._is_input(name)]
        outputs = [name for name in names if not self._is_input(name)]
        self.layout = EngineLayout(
            tuple(self._describe(name, is_input=True) for name in inputs),
            tuple(self._describe(name, is_input=False) for name in outputs),
        )

    def create_execution(self) -> TensorrtExecution:
        """Return a new execution context.

        Raises:
            ModelError: There is too little memory on the device.
        """
        self._log.begin()
        context = self._engine.create_execution_context()
        if context is None:
            raise ModelError(self._log.cause("TensorRT made no execution context"))
        return TensorrtExecution(context, self._log, [t.name for t in self.layout.outputs])

    def _is_input(self, name: str) -> bool:
        return bool(self._engine.get_tensor_mode(name) == tensorrt.TensorIOMode.INPUT)

    def _describe(self, name: str, *, is_input: bool) -> EngineTensor:
        engine = self._engine
        shape = tuple(engine.get_tensor_shape(name))
        profiles = range(engine.num_optimization_profiles)
        for index in profiles:
            found = engine.get_tensor_format(name, index)
            if found != tensorrt.TensorFormat.LINEAR:
                raise ModelError(
                    f"tensor {name} has the memory format {found.name}; build the engine with "
                    "LINEAR formats for its inputs and outputs"
                )
        return EngineTensor(
            name=name,
            kind=engine.get_tensor_dtype(name).name,
            shape=tuple(None if dim < 0 else dim for dim in shape),
            on_host=engine.get_tensor_location(name) == tensorrt.TensorLocation.HOST,
            ranges=tuple(self._range(name, shape, i) for i in profiles) if is_input else (),
        )

    def _range(self, name: str, shape: Shape, profile: int) -> ShapeRange:
        if all(dim >= 0 for dim in shape):
            return ShapeRange(shape, shape, shape)
        shapes = self._engine.get_tensor_profile_shape(name, profile)
        least, best, most = (tuple(dims) for dims in shapes)
        return ShapeRange(least, best, most)


class TensorrtExecution:
    """One execution context; see ``Execution``."""

    def __init__(self, context: Any, log: TensorrtLog, outputs: Sequence[str]) -> None:
        """Run ``context``, whose engine has these outputs."""
        self._context = context
        self._log = log
        self._outputs = outputs
        self._reserved: dict[str, _Reserved] = {}

    def use_profile(self, index: int, stream: int) -> None:
        """Switch to an optimisation profile."""
        function = self._context.set_optimization_profile_async
        self._call(f"optimisation profile {index} can't be used", function, index, stream)

    def set_shape(self, name: str, shape: Shape) -> None:
        """Set the shape of an input."""
        function = self._context.set_input_shape
        self._call(f"input {name} can't have shape {list(shape)}", function, name, shape)

    def set_input(self, name: str, address: int) -> None:
        """Say where an input is."""
        self._call(f"input {name} is refused", self._context.set_tensor_address, name, address)

    def output_bytes(self) -> dict[str, int]:
        """Return the most bytes each output can have."""
        missing = self._call("the shapes do not fit", self._context.infer_shapes)
        if missing:
            raise ModelError(f"TensorRT misses the shapes or values of: {', '.join(missing)}")
        sizes = {name: self._context.get_max_output_size(name) for name in self._outputs}
        for name, size in sizes.items():
            if size < 0:
                raise ModelError(f"TensorRT has no limit for the size of output {name}")
        return sizes

    def set_output(self, name: str, address: int, size: int) -> None:
        """Say where an output goes; one whose shape depends on the data reports it in the run."""
        function, place = self._context.set_tensor_address, address
        if _DATA_DEPENDENT in tuple(self._context.get_tensor_shape(name)):
            allocator = self._reserved.setdefault(name, _Reserved())
            allocator.offer(address, size)
            function, place = self._context.set_output_allocator, allocator
        self._call(f"output {name} is refused", function, name, place)

    def enqueue(self, stream: int) -> dict[str, Shape]:
        """Queue a run; return the shapes of its outputs."""
        function = self._context.execute_async_v3
        self._call("TensorRT could not start the run", function, stream)
        return {name: self._shape(name) for name in self._outputs}

    def close(self) -> None:
        """Free the context."""
        self._context = None
        self._reserved.clear()

    def _shape(self, name: str) -> Shape:
        shape = tuple(self._context.get_tensor_shape(name))
        if _DATA_DEPENDENT not in shape:
            return shape
        reserved = self._reserved[name].shape
        if reserved is None:
            raise ModelError(f"TensorRT did not report the shape of output {name}")
        return reserved

    def _call(self, otherwise: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the context, which fails by ``False`` or, in some places, by an exception.

        Raises:
            ModelError: It failed; ``otherwise`` stands for a cause that TensorRT did not log.
        """
        self._log.begin()
        try:
            result = function(*arguments)
        except RuntimeError as error:
            raise ModelError(self._log.cause(f"{otherwise}: {error}")) from error
        if result is False:
            raise ModelError(self._log.cause(otherwise))
        return result


class _Reserved(tensorrt.IOutputAllocator):
    """Gives TensorRT the memory that was reserved for an output, and keeps its true shape."""

    def __init__(self) -> None:
        tensorrt.IOutputAllocator.__init__(self)
        self.shape: Shape | None = None
        self._address = 0
        self._size = 0

    def offer(self, address: int, size: int) -> None:
        """Have ``size`` bytes at ``address`` for the next run."""
        self.shape, self._address, self._size = None, address, size

    def reallocate_output(self, tensor_name: str, memory: Any, size: int, alignment: int) -> Any:
        """Return the memory, or nothing when it is too small."""
        del tensor_name, memory, alignment  # CUDA's own alignment is enough for any tensor
        return self._address if size <= self._size else None

    def reallocate_output_async(
        self, tensor_name: str, memory: Any, size: int, alignment: int, stream: int
    ) -> Any:
        """Do the same: nothing is allocated, so there is nothing to order on the stream."""
        del stream
        return self.reallocate_output(tensor_name, memory, size, alignment)

    def notify_shape(self, tensor_name: str, shape: Any) -> None:
        """Keep the shape."""
        del tensor_name
        self.shape = tuple(shape)


def load_engine(path: Path, libraries: Sequence[Path]) -> TensorrtEngine:
    """Load the engine at ``path`` onto the calling thread's CUDA device, which must exist.

    Args:
        path: The engine file.
        libraries: Plugin libraries it needs.

    Raises:
        ModelError: TensorRT is too old, a library can't be loaded, or the engine can't.
    """
    version = str(tensorrt.__version__)
    if int(version.partition(".")[0]) < _OLDEST:
        raise ModelError(f"TensorRT {version} is too old; install {_OLDEST} or newer")
    log = TensorrtLog()
    for library in libraries:
        try:
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            raise ModelError(f"library of custom operators: {error}") from error
        logger.info("loaded the plugins of %s", library)
    tensorrt.init_libnvinfer_plugins(log, "")
    runtime = tensorrt.Runtime(log)
    log.begin()
    engine = runtime.deserialize_cuda_engine(plan_of(path.read_bytes()))
    if engine is None:
        cause = log.cause("TensorRT did not say why it can't load the engine")
        raise ModelError(f"{path}: {cause.rstrip('.')}; {load_advice(cause, version)}")
    return TensorrtEngine(engine, log, runtime)


def plan_of(data: bytes) -> memoryview:
    """Return the engine in a file; some exporters write its metadata as JSON before it."""
    view = memoryview(data)
    length = int.from_bytes(data[:_METADATA_LENGTH_BYTES], "little")
    end = _METADATA_LENGTH_BYTES + length
    if data[_METADATA_LENGTH_BYTES : _METADATA_LENGTH_BYTES + 1] == b"{" and end < len(data):
        try:
            json.loads(data[_METADATA_LENGTH_BYTES:end])
        except ValueError:
            return view
        return view[end:]
    return view
