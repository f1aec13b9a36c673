"""Messages of tensors to numpy arrays and back, for code that works on messages."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from grps.errors import InputError, ModelError
from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GrpsMessage

FIELDS: dict[DataType, tuple[str, np.dtype]] = {
    DataType.DT_UINT8: ("flat_uint8", np.dtype(np.uint8)),
    DataType.DT_INT8: ("flat_int8", np.dtype(np.int8)),
    DataType.DT_INT16: ("flat_int16", np.dtype(np.int16)),
    DataType.DT_INT32: ("flat_int32", np.dtype(np.int32)),
    DataType.DT_INT64: ("flat_int64", np.dtype(np.int64)),
    DataType.DT_FLOAT16: ("flat_float16", np.dtype(np.float16)),
    DataType.DT_FLOAT32: ("flat_float32", np.dtype(np.float32)),
    DataType.DT_FLOAT64: ("flat_float64", np.dtype(np.float64)),
    DataType.DT_STRING: ("flat_string", np.dtype(object)),
}
"""Field and element type of each data type."""

FLOATS: dict[DataType, str] = {
    DataType.DT_FLOAT16: "<f4",
    DataType.DT_FLOAT32: "<f4",
    DataType.DT_FLOAT64: "<f8",
}
"""How elements of fixed size lie on the wire, in the field whose number is three more."""

DATA_TYPES = {dtype: number for number, (_, dtype) in FIELDS.items()}


def to_arrays(message: GrpsMessage) -> list[tuple[str, np.ndarray]]:
    """Return the tensors of a message as named arrays, in order.

    Raises:
        InputError: It holds no tensors, or one whose parts do not fit together.
    """
    if message.WhichOneof("data_oneof") != "gtensors":
        raise InputError("the model takes tensors: send gtensors (or ndarray in JSON)")
    return [(tensor.name, _to_array(tensor)) for tensor in message.gtensors.tensors]


def _to_array(tensor: GenericTensor) -> np.ndarray:
    found = FIELDS.get(tensor.dtype)
    if found is None:
        raise InputError(f"tensor {tensor.name!r} has no known dtype: {tensor.dtype}")
    field, dtype = found
    values = getattr(tensor, field)
    if tensor.flat_bytes and tensor.dtype == DataType.DT_STRING:
        values = tensor.flat_bytes
    shape = tuple(tensor.shape)
    if len(values) != np.prod(shape, dtype=np.int64):
        raise InputError(
            f"tensor {tensor.name!r}: shape {list(shape)} does not fit {len(values)} values"
        )
    return np.array(values, dtype=dtype).reshape(shape)


def to_message(tensors: Iterable[tuple[str, np.ndarray]]) -> GrpsMessage:
    """Return a message of named arrays.

    Raises:
        ModelError: An array has a type without a data type.
    """
    message = GrpsMessage()
    message.gtensors.SetInParent()
    for name, given in tensors:
        array = given.view(np.uint8) if given.dtype == np.bool_ else given
        kind = np.dtype(object) if array.dtype.kind in "US" else array.dtype
        number = DATA_TYPES.get(kind)
        if number is None:
            raise ModelError(f"output {name} has type {array.dtype}, which has no GRPS data type")
        field, _ = FIELDS[number]
        tensor = message.gtensors.tensors.add(name=name, dtype=number, shape=array.shape)
        if number in FLOATS:
            # As on the wire: a list of Python floats would cost a hundred times as much.
            tensor.MergeFromString(_packed(number + 3, array.astype(FLOATS[number]).tobytes()))
        elif number == DataType.DT_STRING:
            _add_strings(tensor, array.ravel().tolist())
        else:
            getattr(tensor, field).extend(array.ravel().tolist())
    return message


def _add_strings(tensor: GenericTensor, strings: list[str | bytes]) -> None:
    """Add strings as text if all are text, else as bytes."""
    raw = [text if isinstance(text, bytes) else text.encode() for text in strings]
    try:
        tensor.flat_string.extend([text.decode() for text in raw])
    except UnicodeDecodeError:
        tensor.flat_bytes.extend(raw)


def _packed(field: int, elements: bytes) -> bytes:
    """Return an encoded field below 16 with elements of fixed size."""
    length, size = bytearray(), len(elements)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes([field << 3 | 2]) + length + elements
