"""Recorded exchanges of upstream, replayed in order on one fresh server."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from tests.compat.checks import PROJECT, assert_grpc, assert_http, read, replayed
from tests.compat.differences import (
    GRPC_FAILURE,
    GRPC_REFLECTION,
    GRPC_SAME_AS,
    GRPC_SERVING,
    HTTP_FAILURE,
    HTTP_SUCCESS,
    NOT_REPLAYED,
)
from tests.compat.replay import ask, serving_project
from tests.support import RunningServer

REPLAYED = {"http": 86, "grpc": 34}
LEFT_OUT = {"http": 11, "grpc": 9}


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


@pytest.mark.parametrize("record", replayed("http"))
def test_http(server: RunningServer, record: dict[str, Any]) -> None:
    assert_http(record, ask(server, record["request"]), HTTP_FAILURE)


@pytest.mark.parametrize("record", replayed("grpc"))
def test_grpc(server: RunningServer, record: dict[str, Any]) -> None:
    assert_grpc(server, record, GRPC_FAILURE)


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
