"""gRPC health and reflection, with the clients of gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
import requests
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.support import RunningServer, serving, write_project

HEALTH = "grpc.health.v1.Health"
GRPS = "grps.protos.v1.GrpsService"
SERVING, NOT_SERVING, SERVICE_UNKNOWN = b"\x08\x01", b"\x08\x02", b"\x08\x03"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    models = [{"name": "echo", "version": "1.0.0", "inferer_type": "identity"}]
    with serving(write_project(tmp_path_factory.mktemp("services"), models)) as running:
        yield running


def asked(service: str) -> bytes:
    """A ``HealthCheckRequest``."""
    return b"\x0a" + bytes([len(service)]) + service.encode() if service else b""


def same(message: bytes) -> bytes:
    """A message that is encoded already."""
    return message


def check(channel: grpc.Channel, request: bytes) -> bytes:
    """The answer of ``Check``."""
    calling = channel.unary_unary(
        f"/{HEALTH}/Check", request_serializer=same, response_deserializer=same
    )
    return bytes(calling(request))


def watch(channel: grpc.Channel, request: bytes) -> Any:
    """The answers of ``Watch``."""
    calling = channel.unary_stream(
        f"/{HEALTH}/Watch", request_serializer=same, response_deserializer=same
    )
    return calling(request)


@pytest.mark.parametrize("service", ["", GRPS, HEALTH, "inference.GRPCInferenceService"])
def test_the_health_of_each_service(server: RunningServer, service: str) -> None:
    with server.channel() as channel:
        assert check(channel, asked(service)) == SERVING


def test_an_unknown_service(server: RunningServer) -> None:
    with server.channel() as channel:
        with pytest.raises(grpc.RpcError) as caught:
            check(channel, asked("no.such"))
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        watching = watch(channel, asked("no.such"))
        assert next(watching) == SERVICE_UNKNOWN
        watching.cancel()


def test_watch_reports_changes(server: RunningServer) -> None:
    health = "/grps/v1/health"
    with server.channel() as channel:
        watching = watch(channel, asked(""))
        assert next(watching) == SERVING
        requests.get(server.url(f"{health}/offline"), timeout=20).raise_for_status()
        assert next(watching) == NOT_SERVING
        requests.get(server.url(f"{health}/online"), timeout=20).raise_for_status()
        assert next(watching) == SERVING
        watching.cancel()


def test_a_client_without_protos_can_call(server: RunningServer) -> None:
    with server.channel() as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        services = database.get_services()
        assert {GRPS, HEALTH, "grpc.reflection.v1.ServerReflection"} <= set(services)
        assert "inference.GRPCInferenceService" in services
        pool = DescriptorPool(database)
        for name in services:
            assert pool.FindServiceByName(name).methods
        method = pool.FindServiceByName(GRPS).FindMethodByName("Predict")
        message = GetMessageClass(method.input_type)(str_data="without protos")
        reply = channel.unary_unary(
            f"/{GRPS}/Predict",
            request_serializer=type(message).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )(message)
        assert getattr(reply, "str_data") == "without protos"  # noqa: B009 - made at run time
        with pytest.raises(KeyError):
            pool.FindServiceByName("no.such.Service")


def test_the_end_waits_for_no_watcher(tmp_path_factory: pytest.TempPathFactory) -> None:
    models = [{"name": "echo", "version": "1.0.0", "inferer_type": "identity"}]
    settings = {"limits": {"drain_timeout_ms": 600_000}}
    folder = tmp_path_factory.mktemp("end")
    interface = {"host": "127.0.0.1", "port": "0,0"}
    project = write_project(folder, models, {"interface": interface, **settings})
    with serving(project) as running, running.channel() as channel:
        watching = watch(channel, asked(""))
        assert next(watching) == SERVING
        database = ProtoReflectionDescriptorDatabase(channel)
        assert GRPS in database.get_services()
        assert running.stop() == 0
        assert list(watching) in ([NOT_SERVING], [])
