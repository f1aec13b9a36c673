"""GRPS messages in protobuf: the form of requests and responses over gRPC and bRPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from grps.client.errors import error_of
from grps.client.messages import wire
from grps.client.messages.content import (
    Array,
    Binary,
    Content,
    Map,
    MapValue,
    Tensors,
    Text,
    raw_strings,
    tensors_of,
    text_or_bytes,
)
from grps.client.messages.elements import (
    DTYPES,
    INT32,
    NUMBERS,
    field_of,
    float32_fits,
    little_endian,
    wire_array,
)
from grps.protocol.pb.grps_pb2 import GrpsMessage

if TYPE_CHECKING:
    from grps.protocol.pb.grps_pb2 import GenericMapData, GenericTensor

_FIXED: dict[str, np.dtype[Any]] = {
    "float16": np.dtype("<f4"),
    "float32": np.dtype("<f4"),
    "float64": np.dtype("<f8"),
}
"""How floats are on the wire."""
_FLAT_FIELD = 3
"""The field of the elements of a type is its number and this."""


def encode(content: Content, model: str) -> bytes:
    """Return the message of a request.

    Raises:
        TypeError: A tensor has a type that messages don't have.
    """
    match content:
        case Text(text):
            message = GrpsMessage(model=model, str_data=text)
        case Binary(data):
            message = GrpsMessage(model=model, bin_data=bytes(data))
        case Map(values):
            message = GrpsMessage(model=model)
            _add_map(message.gmap, values)
        case _:
            message = GrpsMessage(model=model)
            message.gtensors.SetInParent()
            for name, array in tensors_of(content).items:
                _add_tensor(message.gtensors.tensors.add(name=name), array)
    return message.SerializeToString()


def _add_tensor(tensor: GenericTensor, given: Array) -> None:
    array, dtype = wire_array(given)
    tensor.dtype = NUMBERS[dtype]  # type: ignore[assignment]
    tensor.shape.extend(array.shape)
    if dtype in _FIXED:
        # As on the wire: a list of Python floats would cost a hundred times as much.
        elements = little_endian(array.astype(_FIXED[dtype], copy=False))
        tensor.MergeFromString(wire.head(NUMBERS[dtype] + _FLAT_FIELD, len(elements)) + elements)
    elif dtype == "string":
        raw = raw_strings(array)
        texts = [text_or_bytes(one) for one in raw]
        if all(isinstance(one, str) for one in texts):
            tensor.flat_string.extend(texts)  # type: ignore[arg-type]
        else:
            tensor.flat_bytes.extend(raw)
    else:
        getattr(tensor, field_of(dtype)).extend(array.ravel().tolist())


def _add_map(gmap: GenericMapData, values: Mapping[str, MapValue]) -> None:
    gmap.SetInParent()
    for name, value in values.items():
        if isinstance(value, str):
            gmap.s_s[name] = value
        elif isinstance(value, bytes):
            gmap.s_b[name] = value
        elif isinstance(value, int):
            (gmap.s_i32 if value in INT32 else gmap.s_i64)[name] = value
        else:
            (gmap.s_f if float32_fits(value) else gmap.s_d)[name] = value


def parse(encoded: bytes) -> GrpsMessage:
    """Return the message of a response that is no failure.

    Raises:
        CallError: The message is a failure.
    """
    message = GrpsMessage.FromString(encoded)
    if message.HasField("status") and message.status.status == message.status.FAILURE:
        raise error_of(message.status.code, message.status.msg)
    return message


def decode(message: GrpsMessage) -> Content:
    """Return the data of a message; an empty text if it has none."""
    match message.WhichOneof("data_oneof"):
        case "bin_data":
            return Binary(message.bin_data)
        case "gtensors":
            tensors = message.gtensors.tensors
            return Tensors(tuple((tensor.name, _array(tensor)) for tensor in tensors))
        case "gmap":
            gmap = message.gmap
            maps = (gmap.s_s, gmap.s_b, gmap.s_i32, gmap.s_i64, gmap.s_f, gmap.s_d)
            return Map({name: value for values in maps for name, value in values.items()})
        case _:
            return Text(message.str_data)


def _array(tensor: GenericTensor) -> Array:
    dtype = DTYPES[tensor.dtype - 1]
    values = getattr(tensor, field_of(dtype))
    if dtype in _FIXED:
        array = _floats(tensor, len(values), _FIXED[dtype]).astype(dtype, copy=False)
    elif dtype == "string":
        raw = tensor.flat_bytes
        array = np.empty(len(raw) or len(values), dtype=object)
        array[:] = [text_or_bytes(one) for one in raw] if raw else list(values)
    else:
        array = np.fromiter(values, dtype, len(values))
    return array.reshape(tuple(tensor.shape))


def _floats(tensor: GenericTensor, count: int, dtype: np.dtype[Any]) -> Array:
    """Return the elements of a tensor of floats: they end its encoded form."""
    if count == 0:
        return np.empty(0, dtype)
    encoded = tensor.SerializeToString()
    size = count * dtype.itemsize
    head = wire.head(tensor.dtype + _FLAT_FIELD, size)
    if encoded[-size - len(head) : -size] != head:
        return np.fromiter(getattr(tensor, field_of(DTYPES[tensor.dtype - 1])), dtype, count)
    return np.frombuffer(encoded, dtype, count, len(encoded) - size)
