"""Hand-written protobuf and gRPC framing, so that no generated stubs are needed."""

import struct
from collections.abc import Iterable

import numpy as np

GRPS_DT_FLOAT32 = 7


def varint(value: int) -> bytes:
    """Encode an unsigned protobuf varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field_bytes(number: int, data: bytes) -> bytes:
    """Encode a length-delimited field (bytes, string, message or packed)."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def field_varint(number: int, value: int) -> bytes:
    """Encode a varint field."""
    return varint(number << 3) + varint(value)


def packed_varints(values: Iterable[int]) -> bytes:
    """Encode the payload of a packed repeated varint field."""
    return b"".join(varint(v) for v in values)


def grpc_frame(message: bytes) -> bytes:
    """Put a message into one uncompressed gRPC frame."""
    return b"\0" + struct.pack(">I", len(message)) + message


def grpc_unframe(data: bytes) -> bytes:
    """Return the first message of a gRPC response body."""
    if len(data) < 5:
        raise ValueError(f"no gRPC message in {len(data)} bytes")
    (size,) = struct.unpack(">I", data[1:5])
    if len(data) < 5 + size:
        raise ValueError("cut gRPC message")
    return data[5 : 5 + size]


def oip_infer_request(model: str, datatype: str, shape: Iterable[int], raw: bytes) -> bytes:
    """Build an Open Inference Protocol ModelInferRequest with raw contents."""
    tensor = (
        field_bytes(1, b"x")
        + field_bytes(2, datatype.encode())
        + field_bytes(3, packed_varints(shape))
    )
    return field_bytes(1, model.encode()) + field_bytes(5, tensor) + field_bytes(7, raw)


def grps_text(text: str, model: str = "") -> bytes:
    """Build a GrpsMessage that carries str_data."""
    head = field_bytes(2, model.encode()) if model else b""
    return head + field_bytes(4, text.encode())


def grps_tensor(array: np.ndarray, model: str = "") -> bytes:
    """Build a GrpsMessage that carries one float32 tensor in gtensors."""
    tensor = (
        field_varint(2, GRPS_DT_FLOAT32)
        + field_bytes(3, packed_varints(array.shape))
        + field_bytes(10, array.astype("<f4").tobytes())
    )
    head = field_bytes(2, model.encode()) if model else b""
    return head + field_bytes(5, field_bytes(1, tensor))
