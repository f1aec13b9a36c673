"""Comparing the answers to recorded requests with what upstream answered."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import json_format

from grps.protocol.pb.grps_pb2 import GrpsMessage, Status
from tests.compat.differences import (
    GRPC_REFLECTION,
    GRPC_SAME_AS,
    GRPC_SERVING,
    GRPC_STREAMS,
    HTTP_STREAMS,
    HTTP_SUCCESS,
    NOT_REPLAYED,
    OK,
    RAW_STREAMS,
)
from tests.compat.replay import content, records
from tests.raw_http import Answer
from tests.support import GUARD_S, RunningServer

PROJECT = "basic"
"""The project whose records are of single answers, and of streams of messages."""
STREAMS = ("stream-", "grpc-stream-")

Failures = Mapping[str, tuple[int, str]]
"""By the name of a record: the status that we answer, and a part of the message."""

JSON = "application/json;charset=utf-8"
SERVING = b"\x08\x01"
TRACEBACK = "<traceback> "


def read(protocol: str) -> list[dict[str, Any]]:
    """All records of the project."""
    return [record for record in records(protocol) if record["project"] == PROJECT]


def replayed(protocol: str) -> list[Any]:
    """The records that are replayed, as test parameters."""
    return [
        pytest.param(record, id=record["id"])
        for record in read(protocol)
        if not record["id"].startswith(tuple(NOT_REPLAYED))
    ]


def assert_failure(status: Any, code: int, message: str) -> None:
    """Check that a failure is told in one line, without a traceback."""
    assert (status.code, status.status) == (code, Status.FAILURE)
    assert message in status.msg
    assert "\n" not in status.msg
    assert "Traceback" not in status.msg


def assert_http(record: dict[str, Any], answer: Answer, failures: Failures) -> None:
    """Check a whole answer."""
    name, expected = record["id"], record["response"]
    if name in failures:
        code, message = failures[name]
        assert (answer.status, answer.headers["Content-Type"]) == (code, JSON)
        assert_failure(json_format.ParseDict(answer.json()["status"], Status()), code, message)
    elif name in HTTP_SUCCESS:
        wanted = HTTP_SUCCESS[name]
        found = answer.body if isinstance(wanted, bytes) else answer.json()
        assert answer.status == 200
        assert found == (wanted if isinstance(wanted, bytes) else {"status": OK, **wanted})
    else:
        headers, body = dict(expected["headers"]), content(expected["body"])
        assert answer.status == expected["status"]
        assert answer.headers["Content-Type"] == headers["Content-Type"]
        if name.startswith("monitor-series-") and body.startswith(b"{"):
            assert shape(answer.json()) == shape(json.loads(body))
            return
        is_json = headers["Content-Type"] == JSON
        assert (answer.json() if is_json else answer.body) == (
            json.loads(body) if is_json else body
        )
        if "Allow" in headers:
            allowed = [set(each["Allow"].split(", ")) for each in (answer.headers, headers)]
            assert allowed[0] == allowed[1]


def shape(series: dict[str, Any]) -> tuple[Any, ...]:
    """What does not vary of a series: its label and where its points are; values are numbers."""
    assert all(isinstance(value, int | float) for _, value in series["data"])
    return (set(series), series["label"], [index for index, _ in series["data"]])


def configuration(text: str) -> Any:
    """What both files of a project say, but for where the service listens."""
    settings = yaml.safe_load(text)
    del settings["interface"]["host"], settings["interface"]["port"]
    return settings


def assert_grpc(server: RunningServer, record: dict[str, Any], failures: Failures) -> None:
    """Send a request of one answer and check that."""
    name = record["id"]
    request = base64.b64decode(record["request"]["wire_b64"])
    with server.channel() as channel:
        call: Any = channel.unary_unary(record["request"]["path"])
        try:
            code, answer = "OK", call(request, timeout=GUARD_S)
        except grpc.RpcError as error:
            code, answer = error.code().name, b""
    if name == GRPC_SERVING:
        assert (code, answer) == ("OK", SERVING)
        return
    if name == GRPC_REFLECTION:
        assert code == "OK"
        return
    recorded = {each["id"]: each["response"] for each in read("grpc")}
    expected = recorded[GRPC_SAME_AS.get(name, name)]
    assert code == expected["code"]
    if code != "OK":
        return
    found = GrpsMessage.FromString(answer)
    if name in failures:
        assert_failure(found.status, *failures[name])
        return
    wanted = json_format.ParseDict(expected["message"], GrpsMessage())
    if name == "grpc-meta-server":
        assert configuration(found.str_data) == configuration(wanted.str_data)
        found.str_data = wanted.str_data
    assert found == wanted


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


def assert_http_stream(record: dict[str, Any], answer: Answer, failures: Failures) -> None:
    """Check an answer that may come in pieces, or as user code made it."""
    name, expected = record["id"], record["response"]
    headers = dict(expected["headers"])
    if name in failures:
        status, part = failures[name]
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


def assert_grpc_stream(server: RunningServer, record: dict[str, Any], failures: Failures) -> None:
    """Send a request that may be answered in pieces and check these."""
    name, expected = record["id"], record["response"]
    request = base64.b64decode(record["request"]["wire_b64"])
    path = record["request"]["path"]
    with server.channel() as channel:
        if path.endswith("/PredictStreaming"):
            stream: Any = channel.unary_stream(path)
            wires = list(stream(request, timeout=GUARD_S))
        else:
            call: Any = channel.unary_unary(path)
            wires = [call(request, timeout=GUARD_S)]
    found = [GrpsMessage.FromString(wire) for wire in wires]
    assert expected["code"] == grpc.StatusCode.OK.name
    if name in failures:
        code, part = failures[name]
        assert (len(found), found[0].status.code) == (1, code)
        assert part in found[0].status.msg
        return
    recorded = [each["message"] for each in expected.get("messages", [expected])]
    wanted = GRPC_STREAMS.get(name, recorded)
    assert found == [json_format.ParseDict(each, GrpsMessage()) for each in wanted]
