"""Recorded exchanges of streaming, customized HTTP, batching and graphs."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf import json_format

from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.compat.replay import ask, content, records, serving_project
from tests.support import GUARD_S, RunningServer

OK = {"code": 200, "msg": "OK", "status": "SUCCESS"}
PROJECTS = ("batch", "custom_body", "custom_nobody", "dag")
STREAMS = ("stream-", "grpc-stream-")


def message(**data: Any) -> dict[str, Any]:
    """A successful answer."""
    return {"status": OK, **data}


HTTP_DIFFERENCES: dict[str, tuple[int, Any]] = {
    # Failures that happen before the first chunk have a status of their own.
    "stream-empty-body": (400, "The http body is empty."),
    "stream-malformed": (400, "line 1"),
    "stream-unknown-model": (404, "Model nope not found"),
    "stream-raise-inferer": (500, "ValueError: boom from inferer"),
    "stream-bad-ct": (415, "Unsupported content type."),
    # Failures of customized HTTP are plain text of one line.
    "custom-resp-badtype": (500, "ValueError: http_response should be str, bytes, tuple("),
    "custom-resp-err": (500, "custom ctx err\n"),
    "custom-resp-raise": (500, "ValueError: boom custom"),
    "custom-model-unknown": (404, "Model nope not found"),
    "custom-put": (405, "PUT is not allowed here"),
    "custom-p-describe-get": (405, "GET is not allowed here"),
    "batch-noconv-raise": (500, "ValueError: boom in batch"),
    "dag-name-as-model": (404, "Model two not found"),
}
"""Failures that we tell better: HTTP status and a part of the body."""

HTTP_STREAMS: dict[str, list[Any]] = {
    # Upstream loses what is still queued when the model returns; we do not.
    "stream-str": [message(str_data=piece) for piece in "abc"],
    "stream-TRUE": [message(str_data=piece) for piece in "ab"],
    "stream-gtensors": [
        message(
            gtensors={
                "tensors": [{"dtype": "DT_FLOAT32", "shape": [2], "flat_float32": [2.0, 4.0]}]
            }
        )
    ]
    * 2,
    # Upstream drops what user code returns, even if it has streamed nothing.
    "batch-stream": [message(str_data="x")],
    "customnb-stream-header": [message(str_data=piece) for piece in "ab"],
}
"""Streams of JSON messages that upstream cuts short or drops, whole."""

RAW_STREAMS: dict[str, bytes] = {
    # Upstream sends the text of a Python literal.
    "stream-octet": b"\x00\x01\xff" * 2,
    "custom-stream-body-true": b"data: 0\n\ndata: 1\n\ndata: 2\n\ndata: bytes\n\n",
}
"""Streams of bytes, whole."""

TRACEBACK = "<traceback> "


def chosen(protocol: str) -> list[dict[str, Any]]:
    """The records of this module."""
    return [
        record
        for record in records(protocol)
        if "request" in record
        and (record["project"] in PROJECTS or record["id"].startswith(STREAMS))
    ]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, RunningServer]]:
    """All projects, each on a server of its own."""
    folder = tmp_path_factory.mktemp("projects")
    with (
        serving_project("basic", folder) as basic,
        serving_project("batch", folder) as batch,
        serving_project("custom_body", folder) as custom_body,
        serving_project("custom_nobody", folder) as custom_nobody,
        serving_project("dag", folder) as dag,
    ):
        yield {
            "basic": basic,
            "batch": batch,
            "custom_body": custom_body,
            "custom_nobody": custom_nobody,
            "dag": dag,
        }


def documents(body: bytes) -> list[Any]:
    """The JSON documents of a stream, which follow each other without a separator."""
    text, found = body.decode(), []
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:]
    return found


def told(body: bytes) -> bytes:
    """A recorded failure as we tell it: its last line, without the traceback."""
    return body.replace(TRACEBACK.encode(), b"")


@pytest.mark.parametrize("record", chosen("http"), ids=lambda record: record["id"])
def test_http(servers: dict[str, RunningServer], record: dict[str, Any]) -> None:
    name, expected = record["id"], record["response"]
    answer = ask(servers[record["project"]], record["request"])
    headers = dict(expected["headers"])
    if name in HTTP_DIFFERENCES:
        status, part = HTTP_DIFFERENCES[name]
        assert answer.status == status
        assert part in answer.body.decode()
        assert "Traceback" not in answer.body.decode()
        return
    assert answer.status == expected["status"]
    assert answer.headers["Content-Type"] == headers["Content-Type"]
    if name in HTTP_STREAMS:
        assert documents(answer.body) == HTTP_STREAMS[name]
    elif name in RAW_STREAMS:
        assert answer.body == RAW_STREAMS[name]
    elif name == "custom-stream-raise":
        assert answer.body.startswith(b"first\nValueError: boom custom stream (request id ")
    elif "json" in headers["Content-Type"] or name.startswith("stream-"):
        assert documents(answer.body) == documents(content(expected["body"]))
    else:
        assert answer.body == told(content(expected["body"]))


GRPC_STREAMS: dict[str, list[dict[str, Any]]] = {
    "grpc-stream-str": [message(str_data=piece) for piece in "abc"],
    "grpc-batch-stream": [message(str_data="batch=1")],
}
"""Streams that upstream cuts short or drops, whole."""

GRPC_FAILURES = {
    "grpc-stream-unknown-model": (404, "Model nope not found"),
    "grpc-custom-body-project": (500, "AttributeError: 'NoneType' object has no attribute 'args'"),
}
"""Failures that we tell better: status code and a part of the message."""


@pytest.mark.parametrize("record", chosen("grpc"), ids=lambda record: record["id"])
def test_grpc(servers: dict[str, RunningServer], record: dict[str, Any]) -> None:
    name, expected = record["id"], record["response"]
    request = base64.b64decode(record["request"]["wire_b64"])
    path = record["request"]["path"]
    with servers[record["project"]].channel() as channel:
        if path.endswith("/PredictStreaming"):
            stream: Any = channel.unary_stream(path)
            wires = list(stream(request, timeout=GUARD_S))
        else:
            call: Any = channel.unary_unary(path)
            wires = [call(request, timeout=GUARD_S)]
    found = [GrpsMessage.FromString(wire) for wire in wires]
    assert expected["code"] == grpc.StatusCode.OK.name
    if name in GRPC_FAILURES:
        code, part = GRPC_FAILURES[name]
        assert (len(found), found[0].status.code) == (1, code)
        assert part in found[0].status.msg
        return
    recorded = [each["message"] for each in expected.get("messages", [expected])]
    wanted = GRPC_STREAMS.get(name, recorded)
    assert found == [json_format.ParseDict(each, GrpsMessage()) for each in wanted]


@pytest.mark.parametrize("path", ["/v2/echo", "/grps/v1/infer/predict"])
def test_the_query_does_not_stream_where_a_header_does(
    servers: dict[str, RunningServer], path: str
) -> None:
    url = servers["custom_nobody"].url(f"{path}?streaming=true&X-Stream=true")
    whole = httpx.post(url, json={"str_data": "a b"})
    assert whole.headers["Content-Type"].startswith("application/json")
    streamed = httpx.post(url, json={"str_data": "a b"}, headers={"X-Stream": "true"})
    assert streamed.headers["Content-Type"].startswith("text/event-stream")


def test_every_record_is_replayed_somewhere() -> None:
    assert len(chosen("http")) == 45
    assert len(chosen("grpc")) == 14
