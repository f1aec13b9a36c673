"""Arrays as the tensors of a message, in JSON and in protobuf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GenericTensorData, GrpsMessage

Arrays = Mapping[str, np.ndarray]


def gtensors(arrays: Arrays | Sequence[np.ndarray]) -> dict[str, Any]:
    """The ``gtensors`` of a JSON body; a sequence of arrays goes without names."""
    named = arrays.items() if isinstance(arrays, Mapping) else [("", array) for array in arrays]
    return {"tensors": [_tensor(name, array) for name, array in named]}


def _tensor(name: str, array: np.ndarray) -> dict[str, Any]:
    dtype = "string" if array.dtype == object else array.dtype.name
    tensor = {
        "dtype": f"DT_{dtype.upper()}",
        "shape": list(array.shape),
        f"flat_{dtype}": array.ravel().tolist(),
    }
    return {"name": name, **tensor} if name else tensor


def arrays_of(data: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of the ``gtensors`` of a JSON answer."""
    return {tensor.get("name", ""): _array(tensor) for tensor in data.get("tensors", [])}


def _array(tensor: Mapping[str, Any]) -> np.ndarray:
    dtype = tensor["dtype"].removeprefix("DT_").lower()
    values = tensor.get(f"flat_{dtype}", [])
    if dtype == "string":
        array = np.array(values, dtype=object)
    else:
        # JSON has 64-bit integers and the values that are no numbers as text.
        number = int if "int" in dtype else float
        array = np.array([number(value) for value in values], dtype=dtype)
    return array.reshape(tensor.get("shape", []))


def to_message(arrays: Arrays | Sequence[np.ndarray], model: str = "") -> GrpsMessage:
    """A request with tensors."""
    tensors = []
    for fields in gtensors(arrays)["tensors"]:
        tensors.append(GenericTensor(**{**fields, "dtype": DataType.Value(fields["dtype"])}))
    return GrpsMessage(model=model, gtensors=GenericTensorData(tensors=tensors))


def arrays_of_message(message: GrpsMessage) -> dict[str, np.ndarray]:
    """The arrays of an answer."""
    found = {}
    for tensor in message.gtensors.tensors:
        dtype = DataType.Name(tensor.dtype).removeprefix("DT_").lower()
        values = list(getattr(tensor, f"flat_{dtype}"))
        array = np.array(values, dtype=object if dtype == "string" else dtype)
        found[tensor.name] = array.reshape(list(tensor.shape))
    return found
