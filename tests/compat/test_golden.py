"""Recorded exchanges of upstream, replayed in order on one fresh server."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import json_format

from grps.protocol.pb.grps_pb2 import GrpsMessage, Status
from tests.compat.differences import (
    GRPC_FAILURE,
    GRPC_REFLECTION,
    GRPC_SAME_AS,
    GRPC_SERVING,
    HTTP_FAILURE,
    HTTP_SUCCESS,
    NOT_REPLAYED,
)
from tests.compat.replay import ask, content, records, serving_project
from tests.support import GUARD_S, RunningServer

PROJECT = "basic"

REPLAYED = {"http": 86, "grpc": 34}
LEFT_OUT = {"http": 11, "grpc": 9}
OK = {"code": 200, "msg": "OK", "status": "SUCCESS"}
JSON = "application/json;charset=utf-8"
SERVING = b"\x08\x01"


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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The project as it is, but for the ports."""
    with serving_project(PROJECT, tmp_path_factory.mktemp("compat")) as running:
        yield running


def test_nothing_is_left_out_by_mistake() -> None:
    names = {protocol: [record["id"] for record in read(protocol)] for protocol in REPLAYED}
    for protocol, count in REPLAYED.items():
        assert len(replayed(protocol)) == count
        assert len(names[protocol]) - count == LEFT_OUT[protocol]
    for start in NOT_REPLAYED:
        assert any(name.startswith(start) for name in (*names["http"], *names["grpc"])), start
    assert {*HTTP_SUCCESS, *HTTP_FAILURE} <= {*names["http"]}
    assert {*GRPC_FAILURE, *GRPC_SAME_AS, GRPC_SERVING, GRPC_REFLECTION} <= {*names["grpc"]}


def assert_failure(status: Any, code: int, message: str) -> None:
    """Check that a failure is told in one line, without a traceback."""
    assert (status.code, status.status) == (code, Status.FAILURE)
    assert message in status.msg
    assert "\n" not in status.msg
    assert "Traceback" not in status.msg


@pytest.mark.parametrize("record", replayed("http"))
def test_http(server: RunningServer, record: dict[str, Any]) -> None:
    answer = ask(server, record["request"])
    name, expected = record["id"], record["response"]
    if name in HTTP_FAILURE:
        code, message = HTTP_FAILURE[name]
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


@pytest.mark.parametrize("record", replayed("grpc"))
def test_grpc(server: RunningServer, record: dict[str, Any]) -> None:
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
    if name in GRPC_FAILURE:
        assert_failure(found.status, *GRPC_FAILURE[name])
        return
    wanted = json_format.ParseDict(expected["message"], GrpsMessage())
    if name == "grpc-meta-server":
        assert configuration(found.str_data) == configuration(wanted.str_data)
        found.str_data = wanted.str_data
    assert found == wanted


def test_upstream_paths_lead_to_the_same_objects() -> None:
    for path, own in (
        ("apis.grps_pb2", "protocol.pb.grps_pb2"),
        ("apis.grps_pb2_grpc", "protocol.pb.grps_pb2_grpc"),
    ):
        assert import_module(f"grps_framework.{path}") is import_module(f"grps.{own}")
    for path, own, name in (
        ("context.context", "inference.context", "GrpsContext"),
        ("converter.converter", "inference.converter", "Converter"),
        ("converter.converter", "inference.registry", "converter_register"),
        ("model_infer.inferer", "inference.inferer", "ModelInferer"),
        ("model_infer.inferer", "inference.registry", "inferer_register"),
        ("logger.logger", "log", "clogger"),
        ("monitor.monitor", "inference.monitor", "app_monitor"),
    ):
        upstream = import_module(f"grps_framework.{path}")
        assert getattr(upstream, name) is getattr(import_module(f"grps.{own}"), name)
