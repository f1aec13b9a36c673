"""What PyTorch models return, as named numpy arrays."""

from __future__ import annotations

import numpy as np
import torch

from grps.errors import ModelError

CONVERTED = {torch.bfloat16: torch.float32}
"""Element types that numpy lacks, each with the one that stands for it."""

DTYPES = {
    torch.bool: "bool",
    torch.uint8: "uint8",
    torch.int8: "int8",
    torch.int16: "int16",
    torch.int32: "int32",
    torch.int64: "int64",
    torch.float16: "float16",
    torch.float32: "float32",
    torch.float64: "float64",
}


def flatten(result: object) -> list[tuple[str, torch.Tensor]]:
    """Name the tensors in what a model returned.

    One tensor is ``output``; those of a list or tuple are ``output_0``, ``output_1``…; a dict
    gives its keys. Deeper levels append ``_`` and their index or key. A number becomes a
    tensor without dimensions.

    Raises:
        ModelError: Something else is among them, or two names are the same.
    """
    if isinstance(result, torch.Tensor):
        return [("output", result)]
    found: list[tuple[str, torch.Tensor]] = []
    _walk("" if isinstance(result, dict) else "output", result, found)
    names = [name for name, _ in found]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelError(f"the model returned two outputs named {twice}")
    return found


def to_numpy(name: str, tensor: torch.Tensor, shared: set[int]) -> np.ndarray:
    """Return ``tensor`` on the CPU, C-contiguous, in a type of the wire.

    Args:
        name: The output's name, for errors.
        tensor: The output.
        shared: Addresses of the storages that outlive the call: a tensor there is copied.

    Raises:
        ModelError: The tensor has a type that the wire can't carry.
    """
    dtype = tensor.dtype
    if dtype not in DTYPES:
        if dtype not in CONVERTED:
            raise ModelError(f"output {name} has the unsupported type {dtype}")
        tensor = tensor.to(CONVERTED[dtype])
    if tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    array = np.asarray(tensor.numpy(force=True), order="C")
    if tensor.untyped_storage().data_ptr() in shared and array.size:
        return array.copy()
    return array


def _walk(name: str, value: object, found: list[tuple[str, torch.Tensor]]) -> None:
    if isinstance(value, torch.Tensor):
        found.append((name, value))
    elif isinstance(value, dict):
        for key, inner in value.items():
            _walk(f"{name}_{key}" if name else str(key), inner, found)
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            _walk(f"{name}_{index}", inner, found)
    elif isinstance(value, float):
        found.append((name, torch.tensor(value, dtype=torch.float64)))
    elif isinstance(value, (bool, int)):
        found.append((name, torch.tensor(value)))
    else:
        kind = "None" if value is None else f"of type {type(value).__name__}"
        raise ModelError(f"output {name or 'output'} is {kind}; a model must return tensors")
