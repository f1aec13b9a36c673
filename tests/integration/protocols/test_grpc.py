"""The gRPC interface, by grpcio."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from grps.protocol.pb.grps_pb2 import (
    EmptyGrpsMessage,
    GenericMapData,
    GrpsMessage,
    Status,
)
from tests.onnx_models import save_identities
from tests.support import (
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)
from tests.tensors import arrays_of_message, to_message

OK = Status(code=200, msg="OK", status=Status.SUCCESS)
MAX_REQUEST_BYTES = 100_000
VALUES: dict[str, np.ndarray] = {
    "uint8": np.array([0, 1, 255], np.uint8),
    "int8": np.array([-128, 0, 127], np.int8),
    "int16": np.array([-(2**15), 0, 2**15 - 1], np.int16),
    "int32": np.array([-(2**31), 0, 2**31 - 1], np.int32),
    "int64": np.array([-(2**63), 2**53 + 1, 2**63 - 1], np.int64),
    "float16": np.array([0.5, -65504, np.inf], np.float16),
    "float32": np.array([0.1, -3e38, np.nan], np.float32),
    "float64": np.array([0.1, -1e308, -np.inf], np.float64),
    "string": np.array(["", "a", "é\U0001f600"], object),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of user code and of an ONNX model, with a small limit of sizes."""
    folder = tmp_path_factory.mktemp("grpc")
    onnx = {
        "name": "identities",
        "version": "1.0.0",
        "inferer_type": "onnxruntime",
        "inferer_path": str(save_identities(folder / "identities.onnx")),
    }
    models = [onnx, *(user_model(name) for name in ("echo", "sleeper", "raiser", "failing"))]
    limits = {"limits": {"max_request_bytes": MAX_REQUEST_BYTES}}
    write_user_project(folder, models, limits, dag=["echo-1.0.0"])
    with serving(folder) as running:
        yield running


@pytest.fixture
def stub(server: RunningServer) -> Iterator[Any]:
    with server.stub() as stub:
        yield stub


def raw(channel: grpc.Channel, method: str, request: bytes) -> bytes:
    """Call a method with bytes and return bytes."""
    call: Any = channel.unary_unary(method)
    return bytes(call(request, timeout=10))


@pytest.mark.parametrize(
    "data",
    [
        {"str_data": "héllo"},
        {"str_data": ""},
        {"bin_data": bytes(range(256))},
        {"bin_data": b""},
        {"gmap": GenericMapData(s_s={"a": "b"}, s_b={"x": b"\0\xff"}, s_i32={"i": -1})},
        {"gmap": GenericMapData(s_i64={"l": 2**60}, s_f={"f": 0.5}, s_d={"d": 0.1})},
        {},
    ],
)
def test_data_comes_back(stub: Any, data: dict[str, Any]) -> None:
    assert stub.Predict(GrpsMessage(**data)) == GrpsMessage(status=OK, **data)


@pytest.mark.parametrize("dtype", VALUES)
def test_tensors_pass_user_code(stub: Any, dtype: str) -> None:
    request = to_message({"x": VALUES[dtype].reshape(3, 1)})
    answer = stub.Predict(request)
    assert answer.status == OK
    # NaN is unlike itself, so what counts are the bytes.
    assert answer.gtensors.SerializeToString() == request.gtensors.SerializeToString()


def test_tensors_of_every_type_pass_a_model(stub: Any) -> None:
    request = {f"in_{name}": value for name, value in VALUES.items()}
    answer = stub.Predict(to_message(request, "identities-1.0.0"))
    assert answer.status == OK
    found = arrays_of_message(answer)
    assert list(found) == [f"out_{name}" for name in VALUES]
    for name, value in VALUES.items():
        assert found[f"out_{name}"].dtype == value.dtype
        np.testing.assert_array_equal(found[f"out_{name}"], value)


@pytest.mark.parametrize("port", [0, 1])
def test_every_port_speaks_grpc(server: RunningServer, port: int) -> None:
    with server.stub(port) as stub:
        assert stub.CheckLiveness(EmptyGrpsMessage()) == GrpsMessage(status=OK)
        assert stub.Predict(GrpsMessage(str_data="x")).str_data == "x"


@pytest.mark.parametrize(
    ("model", "code", "message"),
    [
        ("nope-1.0.0", 404, "Model nope-1.0.0 not found; models: echo-1.0.0, "),
        ("raiser", 500, "ValueError: boom from inferer (request id "),
        ("failing", 500, "user error msg"),
        ("identities", 400, "the model takes tensors: "),
    ],
)
def test_failures_are_told_in_the_message(stub: Any, model: str, code: int, message: str) -> None:
    status = stub.Predict(GrpsMessage(model=model, str_data="x")).status
    assert (status.code, status.status) == (code, Status.FAILURE)
    assert status.msg.startswith(message)
    assert "\n" not in status.msg


def test_request_ids_go_both_ways(server: RunningServer, stub: Any) -> None:
    request = GrpsMessage(model="raiser", str_data="x")
    sent = [("x-request-id", "my-grpc-id")]
    answer, call = stub.Predict.with_call(request, metadata=sent)
    assert dict(call.initial_metadata())["x-request-id"] == "my-grpc-id"
    assert answer.status.msg.endswith("(request id my-grpc-id)")
    wait_until(lambda: "my-grpc-id" in server.log(), "the failure is logged")
    _, call = stub.Predict.with_call(GrpsMessage(str_data="x"))
    assert len(dict(call.initial_metadata())["x-request-id"]) == 16


def test_offline_and_online(server: RunningServer, stub: Any) -> None:
    empty = EmptyGrpsMessage()
    failure = Status(code=503, msg="Service Unavailable", status=Status.FAILURE)
    health = "/grpc.health.v1.Health/Check"
    with server.channel() as channel:
        assert stub.CheckReadiness(empty) == GrpsMessage(status=OK)
        assert raw(channel, health, b"") == b"\x08\x01"
        assert stub.Offline(empty) == GrpsMessage(status=OK)
        assert stub.CheckReadiness(empty) == GrpsMessage(status=failure)
        assert raw(channel, health, b"") == b"\x08\x02"
        assert stub.CheckLiveness(empty) == GrpsMessage(status=OK)
        assert stub.Predict(GrpsMessage(str_data="x")).status == OK
        assert stub.Online(empty) == GrpsMessage(status=OK)
        assert stub.CheckReadiness(empty) == GrpsMessage(status=OK)


def test_the_standard_health_service_knows_its_services(server: RunningServer) -> None:
    with server.channel() as channel:
        for name in (b"grps.protos.v1.GrpsService", b"grpc.health.v1.Health"):
            request = b"\x0a" + bytes([len(name)]) + name
            assert raw(channel, "/grpc.health.v1.Health/Check", request) == b"\x08\x01"
        with pytest.raises(grpc.RpcError) as raised:
            raw(channel, "/grpc.health.v1.Health/Check", b"\x0a\x04nope")
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


def test_metadata(server: RunningServer, stub: Any) -> None:
    conf = server.folder / "conf"
    expected = [(conf / name).read_text() for name in ("inference.yml", "server.yml")]
    assert stub.ServerMetadata(EmptyGrpsMessage()).str_data == "\n".join(expected)
    for name in ("echo", "echo-1.0.0"):
        assert "inferer_name: echo\n" in stub.ModelMetadata(GrpsMessage(str_data=name)).str_data
    described = stub.ModelMetadata(GrpsMessage(str_data="identities")).str_data
    assert "in_string" in described
    assert stub.ModelMetadata(GrpsMessage(str_data="nope")).status.code == 404


def test_a_deadline_ends_the_call_and_tells_the_user_code(server: RunningServer, stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        stub.Predict(GrpsMessage(model="sleeper", str_data="31"), timeout=0.3)
    assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_until(lambda: "31" in server.noted("disconnected"), "user code sees the deadline")


def test_a_cancelled_call_tells_the_user_code(server: RunningServer, stub: Any) -> None:
    call = stub.Predict.future(GrpsMessage(model="sleeper", str_data="32"))
    wait_until(lambda: "32" in server.noted("started"), "user code runs")
    call.cancel()
    wait_until(lambda: "32" in server.noted("disconnected"), "user code sees the cancellation")
    assert stub.Predict(GrpsMessage(model="sleeper", str_data="0"), timeout=10).str_data == "slept"


def test_malformed_messages_are_refused(server: RunningServer) -> None:
    with server.channel() as channel:
        for message in (b"\xff\xff", b"\x22\x05ab", b"\x00"):
            answer = raw(channel, "/grps.protos.v1.GrpsService/Predict", message)
            status = GrpsMessage.FromString(answer).status
            assert (status.code, status.status) == (400, Status.FAILURE)
            assert "\n" not in status.msg


def test_the_size_limit_is_exact(stub: Any) -> None:
    framing = GrpsMessage(bin_data=bytes(MAX_REQUEST_BYTES)).ByteSize() - MAX_REQUEST_BYTES
    largest = GrpsMessage(bin_data=bytes(MAX_REQUEST_BYTES - framing))
    assert largest.ByteSize() == MAX_REQUEST_BYTES
    assert stub.Predict(largest).bin_data == largest.bin_data
    for excess in (1, 1000 * 1000):
        larger = GrpsMessage(bin_data=largest.bin_data + bytes(excess))
        with pytest.raises(grpc.RpcError) as raised:
            stub.Predict(larger)
        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert f"limits.max_request_bytes ({MAX_REQUEST_BYTES} bytes)" in str(
            raised.value.details()
        )


@pytest.mark.parametrize("method", ["/grps.protos.v1.GrpsService/Nope", "/foo.Bar/Baz"])
def test_unknown_methods(server: RunningServer, method: str) -> None:
    with server.channel() as channel, pytest.raises(grpc.RpcError) as raised:
        raw(channel, method, b"")
    assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_many_calls_share_a_channel(stub: Any) -> None:
    def call(number: int) -> str:
        answer = stub.Predict(GrpsMessage(str_data=str(number)), timeout=30)
        return str(answer.str_data)

    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(call, range(1000))) == [str(number) for number in range(1000)]
