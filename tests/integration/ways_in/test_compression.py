"""Compressed responses, and requests in zstd."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import grpc
import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from tests.support import RunningServer, serving, user_model, write_user_project

TEXT = "some text " * 5000
MIN_BYTES = 8192


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("compression")
    with serving(write_user_project(folder, [user_model("echo")])) as running:
        yield running


@dataclass(frozen=True)
class Sent:
    """A response with its body as it was sent."""

    headers: Mapping[str, str]
    body: bytes


def sent_as(server: RunningServer, accepted: str, text: str = TEXT, query: str = "") -> Sent:
    """The response to a client that accepts these codings."""
    headers = {"Accept-Encoding": accepted, "Accept": "text/event-stream" if query else "*/*"}
    response = server.post({"str_data": text}, query, headers=headers, stream=True)
    return Sent(response.headers, response.raw.read(decode_content=False))


def decoded(coding: str, body: bytes) -> bytes:
    return gzip.decompress(body) if coding == "gzip" else zlib.decompress(body)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_large_texts_are_compressed(server: RunningServer, coding: str) -> None:
    response = sent_as(server, coding)
    assert response.headers["content-encoding"] == coding
    assert "accept-encoding" in response.headers["vary"]
    assert int(response.headers["content-length"]) == len(response.body) < len(TEXT) / 10
    assert TEXT.encode() in decoded(coding, response.body)


def test_the_preferred_coding(server: RunningServer) -> None:
    assert sent_as(server, "gzip, zstd").headers["content-encoding"] == "zstd"
    assert sent_as(server, "gzip, zstd;q=0.5").headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("accepted", "text"),
    [("", TEXT), ("identity", TEXT), ("br", TEXT), ("gzip;q=0", TEXT), ("gzip", "short")],
)
def test_other_responses_stay_as_they_are(server: RunningServer, accepted: str, text: str) -> None:
    response = sent_as(server, accepted, text)
    assert "content-encoding" not in response.headers
    assert text.encode() in response.body


def test_bytes_stay_as_they_are(server: RunningServer) -> None:
    headers = {"Content-Type": "application/octet-stream", "Accept-Encoding": "gzip"}
    response = requests.post(server.url(), data=b"a" * 100_000, headers=headers, timeout=20)
    assert response.content == b"a" * 100_000
    assert "content-encoding" not in response.headers


def test_streams_are_compressed_chunk_by_chunk(server: RunningServer) -> None:
    response = sent_as(server, "gzip", "short", "?streaming=true")
    assert response.headers["content-encoding"] == "gzip"
    assert gzip.decompress(response.body).startswith(b"data: {")


def test_a_response_of_grpc_is_compressed_as_its_request_was(server: RunningServer) -> None:
    message = GrpsMessage(str_data=TEXT)
    with server.channel() as channel:
        stub = GrpsServiceStub(channel)
        for compression, expected in [
            (grpc.Compression.Gzip, "gzip"),
            (grpc.Compression.Deflate, "deflate"),
            (grpc.Compression.NoCompression, None),
        ]:
            calling = stub.Predict.with_call(message, compression=compression)
            assert calling[0].str_data == TEXT
            found = dict(calling[1].initial_metadata())
            assert found.get("grpc-encoding", expected) == expected
            streamed = list(stub.PredictStreaming(message, compression=compression))
            assert [one.str_data for one in streamed] == [TEXT]


def test_requests_in_zstd(server: RunningServer) -> None:
    # A frame of one raw block, as the standard writes it.
    text = b'{"str_data": "zstd"}'
    block = (len(text) << 3 | 1).to_bytes(3, "little")
    frame = b"\x28\xb5\x2f\xfd" + bytes([0x20, len(text)]) + block + text
    headers = {"Content-Type": "application/json", "Content-Encoding": "zstd"}
    answer = requests.post(server.url(), data=frame, headers=headers, timeout=20)
    assert answer.json()["str_data"] == "zstd"
    # A block that stands for 128 KiB, 3000 times: over the limit of a request.
    bomb = b"\x28\xb5\x2f\xfd\x00\x58" + (128 * 1024 << 3 | 2).to_bytes(3, "little") * 3000
    answer = requests.post(server.url(), data=bomb, headers=headers, timeout=20)
    assert answer.status_code in (400, 413)
