"""Compressed requests: ``Content-Encoding`` over HTTP, ``grpc-encoding`` over gRPC."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import httpx
import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.support import GUARD_S, RunningServer, serving, user_model, write_user_project

MAX_REQUEST_BYTES = 100_000
MESSAGE = {"str_data": "text " * 100}
JSON = "application/json"
CODE = """
import json

from grps import ModelInferer, inferer_register


class Seen(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context):
        request = context.get_http_request()
        seen = {"headers": dict(request.headers), "body": request.data.decode()}
        context.set_http_response(json.dumps(seen))


inferer_register.register("seen", Seen())
"""


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def twice(data: bytes) -> bytes:
    return gzip.compress(zlib.compress(data))


CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("GZIP", gzip.compress),
    ("x-gzip", gzip.compress),
    ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("deflate, gzip", twice),
    ("identity", bytes),
    ("identity, gzip", gzip.compress),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of a model that returns its request, with a small limit of sizes."""
    folder = tmp_path_factory.mktemp("codings")
    limits = {"limits": {"max_request_bytes": MAX_REQUEST_BYTES}}
    models = [user_model("echo"), {"name": "id", "version": "1", "inferer_type": "identity"}]
    write_user_project(folder, models, limits, dag=["echo-1.0.0"])
    with serving(folder) as running:
        yield running


def send(
    server: RunningServer, coding: str, body: bytes, path: str = "infer/predict", kind: str = JSON
) -> requests.Response:
    headers = {"Content-Encoding": coding, "Content-Type": kind}
    return requests.post(
        server.url(f"/grps/v1/{path}"), data=body, headers=headers, timeout=GUARD_S
    )


@pytest.mark.parametrize(("coding", "encode"), CODINGS)
def test_bodies_are_decoded(
    server: RunningServer, coding: str, encode: Callable[[bytes], bytes]
) -> None:
    answer = send(server, coding, encode(json.dumps(MESSAGE).encode()))
    assert (answer.status_code, answer.json()["str_data"]) == (200, MESSAGE["str_data"])
    raw = send(
        server,
        coding,
        encode(bytes([1, 2, 3])),
        "infer/predict?model=id&dtype=uint8&shape=3",
        "application/octet-stream",
    )
    assert raw.json()["gtensors"]["tensors"][0]["flat_uint8"] == [1, 2, 3]
    name = encode(b'{"str_data": "echo"}')
    assert "echo" in send(server, coding, name, "metadata/model").json()["str_data"]


@pytest.mark.parametrize("coding", ["br", "lz4", "gzip, br", "compress", "gzip;q=1", "a" * 999])
@pytest.mark.parametrize("path", ["infer/predict", "metadata/model"])
def test_other_codings_are_refused(server: RunningServer, coding: str, path: str) -> None:
    answer = send(server, coding, b"x" * 1000, path)
    assert answer.status_code == 415
    assert answer.headers["Accept-Encoding"] == "gzip, deflate, zstd"
    assert "send gzip, deflate, zstd" in answer.json()["status"]["msg"]


def test_a_refused_content_type_names_no_codings(server: RunningServer) -> None:
    answer = send(server, "gzip", gzip.compress(b"{}"), kind="text/html")
    assert answer.status_code == 415
    assert "Accept-Encoding" not in answer.headers


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_bombs_are_refused(server: RunningServer, coding: str) -> None:
    bomb = b"{" + b" " * 50_000_000
    encode = gzip.compress if coding == "gzip" else zlib.compress
    answer = send(server, coding, encode(bomb))
    assert answer.status_code == 413
    nested = gzip.compress(gzip.compress(bomb))
    assert send(server, "gzip, gzip", nested).status_code == 413
    body = json.dumps({"str_data": "x" * (MAX_REQUEST_BYTES - 100)}).encode()
    assert send(server, coding, encode(body)).status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "spoil", [lambda data: data[:-1], lambda data: data + b"x", lambda data: b"{}", lambda d: d[:4]]
)
def test_malformed_bodies_are_refused(
    server: RunningServer, coding: str, spoil: Callable[[bytes], bytes]
) -> None:
    encode = gzip.compress if coding == "gzip" else zlib.compress
    answer = send(server, coding, spoil(encode(json.dumps(MESSAGE).encode())))
    assert answer.status_code == 400
    assert f"not valid {coding}" in answer.json()["status"]["msg"]


def test_user_code_gets_decoded_bodies(tmp_path: Any) -> None:
    custom = {"path": "/custom", "customized_body": True}
    interface = {"framework": "http", "host": "127.0.0.1", "port": "0"}
    interface["customized_predict_http"] = custom  # type: ignore[assignment]
    write_user_project(
        tmp_path, [user_model("seen")], {"interface": interface}, ["seen-1.0.0"], CODE
    )
    with serving(tmp_path) as server:
        body = gzip.compress(b"hello")
        headers = {"Content-Encoding": "gzip", "X-Mine": "1"}
        url = server.url("/custom")
        seen = requests.post(url, data=body, headers=headers, timeout=GUARD_S).json()
        assert seen["body"] == "hello"
        assert seen["headers"]["X-Mine"] == "1"
        assert seen["headers"]["Content-Length"] == "5"
        assert "Content-Encoding" not in seen["headers"]
        refused = requests.post(url, data=body, headers={"Content-Encoding": "br"}, timeout=GUARD_S)
        assert (refused.status_code, refused.headers["Accept-Encoding"]) == (
            415,
            "gzip, deflate, zstd",
        )


GRPC_CODINGS = [grpc.Compression.Gzip, grpc.Compression.Deflate, grpc.Compression.NoCompression]


@pytest.mark.parametrize("compression", GRPC_CODINGS)
def test_grpc_messages_are_decompressed(
    server: RunningServer, compression: grpc.Compression
) -> None:
    request = GrpsMessage(str_data=MESSAGE["str_data"])
    with server.stub() as stub:
        answer = stub.Predict(request, timeout=GUARD_S, compression=compression)
        assert answer.str_data == MESSAGE["str_data"]
        request.model = "id"
        (chunk,) = stub.PredictStreaming(request, timeout=GUARD_S, compression=compression)
        assert chunk.str_data == MESSAGE["str_data"]
        name = GrpsMessage(str_data="echo")
        told = stub.ModelMetadata(name, timeout=GUARD_S, compression=compression)
        assert "echo" in told.str_data
        large = GrpsMessage(str_data="x" * 10_000_000)
        with pytest.raises(grpc.RpcError) as refused:
            stub.Predict(large, timeout=GUARD_S, compression=compression)
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "max_request_bytes" in str(refused.value.details())


def framed(flag: int, message: bytes) -> bytes:
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("snappy", framed(1, b"xx"), "12"),
        ("gzip", framed(1, b"not gzip"), "3"),
        ("gzip", framed(1, gzip.compress(b"\x0a\x00", mtime=0)[:-2]), "3"),
        ("gzip", framed(1, gzip.compress(b"\0" * 10_000_000, mtime=0)), "8"),
        ("gzip", framed(0, GrpsMessage(str_data=MESSAGE["str_data"]).SerializeToString()), "0"),
    ],
)
def test_grpc_encodings_that_can_not_be_read(
    server: RunningServer, coding: str, body: bytes, status: str
) -> None:
    headers = {"content-type": "application/grpc", "te": "trailers", "grpc-encoding": coding}
    with httpx.Client(http1=False, http2=True, timeout=GUARD_S) as client:
        url = server.url("/grps.protos.v1.GrpsService/Predict")
        answer = client.post(url, content=body, headers=headers)
    assert answer.headers["grpc-accept-encoding"] == "identity,deflate,gzip,zstd"
    assert answer.headers.get("grpc-status", "0") == status
