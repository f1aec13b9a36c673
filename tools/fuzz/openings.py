"""What clients send first: one valid or hostile opening of a connection for each protocol."""

from __future__ import annotations

import gzip
import json
import ssl
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from random import Random

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GRPS_MESSAGE = b"\x22\x05hello"
"""A message of GRPS: ``str_data`` is ``hello``."""
PREDICT = "/grps/v1/infer/predict"
NUMBERS = (0, 1, 2, 3, 127, 128, 255, 1024, 65535, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64)
Opening = Callable[[Random], bytes]


def http1(path: str, body: bytes, method: str = "POST", **fields: object) -> bytes:
    """A request; an underscore in a name stands for a dash."""
    headers: dict[str, object] = {"Host": "localhost", "Content-Length": len(body)}
    headers |= {name.replace("_", "-"): value for name, value in fields.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + body


def _block(headers: Mapping[str, str]) -> bytes:
    def text(value: str) -> bytes:
        return bytes([len(value)]) + value.encode()

    return b"".join(b"\0" + text(name) + text(value) for name, value in headers.items())


def http2(path: str, message: bytes, flag: int = 0, **fields: str) -> bytes:
    """The preface and a call of gRPC."""
    headers = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost"}
    headers |= {"content-type": "application/grpc", "te": "trailers"}
    headers |= {name.replace("_", "-"): value for name, value in fields.items()}
    data = struct.pack(">BI", flag, len(message)) + message
    calls = _frame(1, 4, 1, _block(headers)) + _frame(0, 1, 1, data)
    return PREFACE + _frame(4, 0, 0, b"") + calls


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    value &= 2**64 - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def field(tag: int, value: int | bytes) -> bytes:
    """A field of a message."""
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    return varint(tag << 3 | 2) + varint(len(value)) + value


def brpc(message: bytes = GRPS_MESSAGE, compression: int = 0, attachment: int = 0) -> bytes:
    """A call by baidu_std."""
    request = field(1, b"grps.protos.v1.GrpsBrpcService") + field(2, b"Predict")
    meta = field(1, request) + field(4, 7) + field(3, compression) + field(5, attachment)
    return struct.pack(">4sII", b"PRPC", len(meta) + len(message), len(meta)) + meta + message


def oip_json(data: object, shape: list[int], datatype: str = "FP32", **parameters: object) -> bytes:
    """The JSON of an inference request."""
    tensor = {"name": "x", "shape": shape, "datatype": datatype, "data": data}
    if parameters:
        del tensor["data"]
        tensor["parameters"] = parameters
    return json.dumps({"inputs": [tensor]}).encode()


def oip_binary(size: object, content: bytes, shape: list[int]) -> bytes:
    """An inference request with a binary tensor that claims a size."""
    head = oip_json(None, shape, binary_data_size=size)
    path = "/v2/models/same/infer"
    return http1(path, head + content, Inference_Header_Content_Length=len(head))


def oip_message(shape: list[int], raw: bytes, datatype: bytes = b"FP32") -> bytes:
    """The message of ``ModelInfer``."""
    dims = b"".join(varint(size) for size in shape)
    tensor = field(1, b"x") + field(2, datatype) + field(3, dims)
    return field(1, b"same") + field(5, tensor) + field(7, raw)


def client_hello() -> bytes:
    """What a client of TLS sends first."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def websocket(message: bytes) -> bytes:
    """A handshake, and a frame of text that is masked by zeros."""
    opening = http1(
        f"{PREDICT}/ws",
        b"",
        "GET",
        Upgrade="websocket",
        Connection="Upgrade",
        Sec_WebSocket_Version=13,
        Sec_WebSocket_Key="dGhlIHNhbXBsZSBub25jZQ==",
    )
    return opening + bytes([0x81, 0x80 | len(message)]) + bytes(4) + message


def proxied(opening: bytes, rng: Random) -> bytes:
    """An opening after the header of a proxy."""
    if rng.random() < 0.5:
        return b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + opening
    addresses = bytes(4) + bytes(4) + struct.pack(">HH", 1, 2)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(addresses)) + addresses + opening


def _bomb(rng: Random) -> bytes:
    """A body that inflates to a thousand times its size."""
    packed = gzip.compress(bytes(rng.choice((1 << 20, 16 << 20))))
    return rng.choice(
        [
            http1(PREDICT, packed, Content_Encoding="gzip", Content_Type="application/json"),
            http1("/v2/models/same/infer", packed, Content_Encoding="gzip"),
            http2("/inference.GRPCInferenceService/ModelInfer", packed, 1, grpc_encoding="gzip"),
            http2("/grps.protos.v1.GrpsService/Predict", packed, 1, grpc_encoding="gzip"),
            brpc(packed, 2),
        ]
    )


def _deep(rng: Random) -> bytes:
    """JSON in which lists or objects are nested."""
    depth = rng.choice((10, 31, 32, 33, 129, 5000, 100_000))
    opened, closed = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    nested = opened * depth + b"1" + closed * rng.choice((depth, 0))
    key, path = rng.choice(
        [
            (b'{"ndarray":', PREDICT),
            (b'{"instances":', "/v1/models/same:predict"),
            (b'{"inputs":', "/v2/models/same/infer"),
            (
                b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":',
                "/v2/models/same/infer",
            ),
            (b'{"parameters":', "/v2/repository/models/none/load"),
        ]
    )
    return http1(path, key + nested + b"}", Content_Type="application/json")


def _binary(rng: Random) -> bytes:
    """Binary tensors whose size, shape or bytes do not fit together."""
    size: object = rng.choice([*NUMBERS, -1, 1e30, "8", None, [8], {}])
    shape = rng.choice([[2], [-1], [-(2**63)], [2**31, 2**31, 4], [0, 2**62], [2] * 40, []])
    return oip_binary(size, bytes(rng.choice((0, 7, 8, 9, 4096))), shape)


def _raw_message(rng: Random) -> bytes:
    """``ModelInfer`` whose shape, type and bytes do not fit together."""
    shape = rng.choice([[2], [-1], [-(2**63)], [2**31, 2**31, 4], [0, 2**62], [2] * 40, []])
    datatype = rng.choice((b"FP32", b"BYTES", b"BOOL", b"", b"FP99"))
    raw = rng.choice((bytes(8), b"", b"\xff\xff\xff\xff" + bytes(4), bytes(4096)))
    stream = rng.choice(("ModelInfer", "ModelStreamInfer"))
    return http2(f"/inference.GRPCInferenceService/{stream}", oip_message(shape, raw, datatype))


def _regions(rng: Random) -> bytes:
    """Regions of shared memory, and requests whose slices overlap or lie beyond them."""
    key = rng.choice(("fuzz", "/fuzz", "../fuzz", "..", "", "none", "a/b", "\0", "x" * 300))
    sizes = {"key": key, "offset": rng.choice(NUMBERS), "byte_size": rng.choice(NUMBERS)}
    region = rng.choice(("a", "b", "c"))
    own: dict[str, object] = {"shared_memory_region": region}
    own |= {f"shared_memory_{name}": rng.choice(NUMBERS) for name in ("offset", "byte_size")}
    given = {"name": "x", "shape": [rng.choice(NUMBERS)], "datatype": "UINT8", "parameters": own}
    request = {"inputs": [given], "outputs": [{"name": "x", "parameters": own}] * 2}
    path = f"/v2/systemsharedmemory/region/{region}/register"
    register = http1(path, json.dumps(sizes).encode())
    return register + http1("/v2/models/same/infer", json.dumps(request).encode())


JSON_MESSAGE = b'{"str_data": "hello"}'
OPENINGS: dict[str, Opening] = {
    "http live": lambda _: http1("/grps/v1/health/live", b"", "GET"),
    "http predict": lambda _: http1(PREDICT, JSON_MESSAGE, Content_Type="application/json"),
    "http chunks": lambda _: (
        b"POST /grps/v1/infer/predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/json\r\n\r\n15\r\n" + JSON_MESSAGE + b"\r\n0\r\n\r\n"
    ),
    "http pipelined": lambda rng: http1(PREDICT, JSON_MESSAGE) * rng.randint(2, 50),
    "oip json": lambda _: http1("/v2/models/same/infer", oip_json([1, 2], [2])),
    "oip binary": lambda _: oip_binary(8, bytes(8), [2]),
    "oip binary hostile": _binary,
    "oip regions": _regions,
    "oip generate": lambda _: http1("/v2/models/echo/generate", b'{"text_input": "a"}'),
    "tfserving": lambda _: http1("/v1/models/same:predict", b'{"instances": [[1, 2]]}'),
    "torchserve": lambda _: http1(
        "/predictions/echo", JSON_MESSAGE, Content_Type="application/json"
    ),
    "openapi": lambda _: http1("/openapi.json", b"", "GET"),
    "brpc over http": lambda _: http1("/GrpsBrpcService/Predict", JSON_MESSAGE),
    "websocket": lambda _: websocket(JSON_MESSAGE),
    "grpc-web": lambda _: http1(
        "/grps.protos.v1.GrpsService/Predict",
        struct.pack(">BI", 0, len(GRPS_MESSAGE)) + GRPS_MESSAGE,
        Content_Type="application/grpc-web+proto",
    ),
    "grpc": lambda _: http2("/grps.protos.v1.GrpsService/Predict", GRPS_MESSAGE),
    "grpc oip": lambda _: http2(
        "/inference.GRPCInferenceService/ModelInfer", oip_message([2], bytes(8))
    ),
    "grpc oip hostile": _raw_message,
    "grpc tfserving": lambda _: http2(
        "/tensorflow.serving.PredictionService/Predict", field(1, field(1, b"same"))
    ),
    "grpc health": lambda _: http2("/grpc.health.v1.Health/Watch", b""),
    "grpc reflection": lambda _: http2(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", field(7, b"")
    ),
    "brpc": lambda _: brpc(),
    "brpc pipelined": lambda rng: brpc() * rng.randint(2, 50),
    "brpc hostile": lambda rng: brpc(
        compression=rng.choice(NUMBERS), attachment=rng.choice(NUMBERS)
    ),
    "tls": lambda _: client_hello(),
    "proxy": lambda rng: proxied(http1("/grps/v1/health/live", b"", "GET"), rng),
    "bomb": _bomb,
    "deep json": _deep,
    "noise": lambda rng: rng.randbytes(rng.choice((1, 4, 30, 1000))),
}
"""Openings by name."""
