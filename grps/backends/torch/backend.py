"""PyTorch: TorchScript files, torch.export programs and AOTInductor packages."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
import torch

from grps.backends.backend import Signature
from grps.backends.common.arguments import library_paths, read_arguments
from grps.backends.common.causes import run_error
from grps.backends.common.declared_inputs import declare_inputs
from grps.backends.common.device import Device, choose_device, parse_device
from grps.backends.common.learned_outputs import learn_outputs
from grps.backends.formats import expect_format
from grps.backends.torch.causes import torch_cause
from grps.backends.torch.export import load_aotinductor, load_exported
from grps.backends.torch.limits import guard_words
from grps.backends.torch.outputs import flatten, to_numpy
from grps.backends.torch.program import Preparation, Program
from grps.backends.torch.script import load_torchscript
from grps.config.schema import ModelConfig
from grps.errors import GrpsError, InputError, ModelError

_IMAGE_DIMENSIONS = 4
_LOADERS = {
    "torchscript": load_torchscript,
    "torch_export": load_exported,
    "aotinductor": load_aotinductor,
}


class TorchArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of a PyTorch model; threads are settings of the whole process."""

    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Threads that share one operator; PyTorch's own choice when absent."""
    inter_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Threads that run independent operators side by side."""
    customized_op_paths: str | tuple[str, ...] | None = None
    """Libraries of custom operators."""
    inputs: dict[str, str] = {}
    """Types and shapes that the file lacks, such as ``float32[-1, 3, 224, 224]``."""
    memory_format: Literal["contiguous", "channels_last"] = "contiguous"
    """How images lie in memory; ``channels_last`` suits convolutions on most processors."""
    compile: bool | Literal["default", "reduce-overhead", "max-autotune"] = False
    """Compile a torch.export program as it is loaded; true is ``default``."""
    cuda_stream: bool = True
    """Give each copy on a GPU a stream of its own, so that copies run side by side."""
    native: bool = False
    """Run in native threads that need no Python; on the CPU, without converters."""


class TorchBackend:
    """One loaded copy of a PyTorch model.

    A model may be stateful: a TorchScript module that keeps tensors between calls answers by
    the order of its requests, per copy.
    """

    def __init__(self, program: Program, device: torch.device, arguments: TorchArguments) -> None:
        """Serve ``program`` with its inputs moved to ``device``."""
        self._program = program
        self._call = program.call
        self._channels_last = arguments.memory_format == "channels_last"
        own_stream = device.type == "cuda" and arguments.cuda_stream
        self._stream = torch.cuda.Stream(device) if own_stream else None
        self._device = None if device.type == "cpu" else device
        self._names = [spec.name for spec in program.signature.inputs]
        self._numbers = program.scalars
        self._casts = program.casts or {}
        signature = declare_inputs(program.signature, arguments.inputs)
        self._signature = dataclasses.replace(signature, device=str(device))
        if arguments.inputs and (outputs := learn_outputs(signature.inputs, self.infer)):
            self._signature = dataclasses.replace(self._signature, outputs=outputs)

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, in the order ``infer`` takes them."""
        return self._signature

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the model once; see ``Backend.infer``."""
        try:
            with torch.inference_mode():
                if self._stream is None:
                    return self._run(inputs)
                with torch.cuda.stream(self._stream):
                    return self._run(inputs)
        except GrpsError:
            raise
        except Exception as error:
            cause = torch_cause(error)
            if (
                words := guard_words(cause, dict(zip(self._names, inputs, strict=False)))
            ) is not None:
                raise InputError(words) from error
            raise run_error(cause, is_input=isinstance(error, IndexError)) from error

    def _run(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        shared = set(self._program.shared)
        values = [self._value(index, array, shared) for index, array in enumerate(inputs)]
        found = flatten(self._call(*values))
        return [(name, to_numpy(name, value, shared)) for name, value in found]

    def _value(self, index: int, array: np.ndarray, shared: set[int]) -> object:
        if index in self._numbers:
            return self._number(index, array)
        try:
            # from_numpy warns of arrays that can't be written; DLPack carries that as a flag.
            tensor = (
                torch.from_numpy(array)
                if array.flags.writeable
                else torch.utils.dlpack.from_dlpack(array)
            )
        except (TypeError, BufferError) as error:
            raise InputError(
                f"input {self._name(index)}: PyTorch takes no {array.dtype} tensors"
            ) from error
        shared.add(tensor.untyped_storage().data_ptr())
        if index in self._casts:
            tensor = tensor.to(self._casts[index])
        if self._channels_last and tensor.dim() == _IMAGE_DIMENSIONS:
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        return tensor if self._device is None else tensor.to(self._device)

    def _number(self, index: int, array: np.ndarray) -> object:
        if array.size != 1:
            raise InputError(
                f"input {self._name(index)} is a number: expected one value, "
                f"got shape {list(array.shape)}"
            )
        dtype = self.signature.inputs[index].dtype
        number = array.item()
        return float(number) if dtype == "float64" else number

    def _name(self, index: int) -> str:
        return self._names[index] if index < len(self._names) else f"number {index + 1}"


def load(model: ModelConfig) -> TorchBackend:
    """Load one copy of ``model`` from its TorchScript, torch.export or AOTInductor file.

    Raises:
        DeviceError: The device is unknown or absent.
        ModelError: The file is no such model, or PyTorch refused it.
    """
    arguments = read_arguments(TorchArguments, model.inferer_args)
    device = _choose(parse_device(model.device, model.inp_device))
    path = Path(model.inferer_path or "")
    found = expect_format(path, "torch")
    _set_threads(arguments)
    _load_libraries(arguments)
    try:
        place = None if device.kind == "original" else str(device)
        program = _LOADERS[found](path, place, _preparation(arguments))
    except GrpsError:
        raise
    except Exception as error:
        raise ModelError(f"{path}: {torch_cause(error)}") from error
    inputs = str(device.inputs) if device.inputs else place or program.device
    return TorchBackend(program, torch.device(inputs), arguments)


def _preparation(arguments: TorchArguments) -> Preparation:
    mode = arguments.compile
    return Preparation(
        channels_last=arguments.memory_format == "channels_last",
        compile_mode=("default" if mode else None) if isinstance(mode, bool) else mode,
    )


def _choose(device: Device) -> Device:
    if torch.backends.cuda.is_built():
        why = "this machine has no CUDA device"
    else:
        why = "PyTorch was built without CUDA"
    return choose_device(device, torch.cuda.device_count(), why)


def _set_threads(arguments: TorchArguments) -> None:
    if arguments.intra_op_threads:
        torch.set_num_threads(arguments.intra_op_threads)
    wanted = arguments.inter_op_threads
    if wanted and wanted != torch.get_num_interop_threads():
        try:
            torch.set_num_interop_threads(wanted)
        except RuntimeError as error:
            raise ModelError(
                f"inferer_args: inter_op_threads is {torch.get_num_interop_threads()} already "
                "and PyTorch can't change it once it has run; give all models the same value"
            ) from error


def _load_libraries(arguments: TorchArguments) -> None:
    for library in library_paths(arguments.customized_op_paths):
        try:
            torch.ops.load_library(str(library))
        except OSError as error:
            raise ModelError(f"library of custom operators: {error}") from error
