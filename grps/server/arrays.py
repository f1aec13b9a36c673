"""Messages to arrays and back in Python, for tests that run without the native codec."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grps.backends.base import Signature
from grps.errors import InputError
from grps.inference.channel import NamedArray
from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GrpsMessage

NAMES = {
    DataType.DT_UINT8: "uint8",
    DataType.DT_INT8: "int8",
    DataType.DT_INT16: "int16",
    DataType.DT_INT32: "int32",
    DataType.DT_INT64: "int64",
    DataType.DT_FLOAT16: "float16",
    DataType.DT_FLOAT32: "float32",
    DataType.DT_FLOAT64: "float64",
    DataType.DT_STRING: "string",
}
NUMBERS = {name: number for number, name in NAMES.items()}


def message_to_arrays(message: GrpsMessage, signature: Signature) -> list[np.ndarray]:
    """Return the tensors of a message in the order of a model's inputs.

    Raises:
        InputError: There are none, a name or a type is not the model's, or a shape doesn't fit.
    """
    if message.WhichOneof("data_oneof") != "gtensors":
        raise InputError("the model takes tensors; fill the message's gtensors")
    tensors = list(message.gtensors.tensors)
    specs = list(signature.inputs)
    known = [spec.name for spec in specs]
    given = [tensor.name for tensor in tensors]
    if specs and (any(given) if signature.strict_names else set(given) & set(known)):
        for name in given:
            if name not in known:
                raise InputError(f"the model has no input {name!r}; it has: {', '.join(known)}")
        tensors.sort(key=lambda tensor: known.index(tensor.name))
    least = sum(spec.required for spec in specs)
    most_fits = not specs or signature.open_ended or len(tensors) <= len(specs)
    if len(tensors) < least or not most_fits:
        raise InputError(f"the model takes {len(specs)} input tensors, got {len(tensors)}")
    arrays = [_to_array(tensor) for tensor in tensors]
    for array, spec in zip(arrays, specs, strict=False):
        dtype = "string" if array.dtype == object else array.dtype.name
        if spec.dtype not in (None, dtype):
            raise InputError(f"input {spec.name!r} is {spec.dtype}, got {dtype}")
    return arrays


def arrays_to_message(arrays: Sequence[NamedArray]) -> GrpsMessage:
    """Return a message with one tensor per array."""
    message = GrpsMessage()
    for name, array in arrays:
        kind = "string" if array.dtype == object else array.dtype.name
        tensor = message.gtensors.tensors.add(
            name=name, dtype=NUMBERS[kind], shape=list(array.shape)
        )
        getattr(tensor, f"flat_{kind}").extend(array.ravel().tolist())
    return message


def _to_array(tensor: GenericTensor) -> np.ndarray:
    kind = NAMES.get(tensor.dtype)
    if kind is None:
        raise InputError(f"tensor {tensor.name!r} has no element type; set its dtype")
    values = getattr(tensor, f"flat_{kind}")
    flat = np.array(values, dtype=object if kind == "string" else kind)
    try:
        return flat.reshape(list(tensor.shape))
    except ValueError as error:
        raise InputError(
            f"tensor {tensor.name!r}: {len(values)} values don't fill shape {list(tensor.shape)}"
        ) from error
