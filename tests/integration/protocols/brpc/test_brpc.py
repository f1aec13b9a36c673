"""bRPC over baidu_std and over HTTP, by a client of the tests' own."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grps.protocol.pb.grps_pb2 import GrpsMessage, Status
from tests.raw_brpc import (
    GZIP,
    LAST,
    NONE,
    SERVICE,
    SNAPPY,
    ZLIB,
    Call,
    Connection,
    connect,
    data,
    frame,
    number,
    varint,
)
from tests.support import (
    USER_CODE,
    RunningServer,
    serving,
    user_model,
    wait_until,
    write_user_project,
)

OK = Status(code=200, msg="OK", status=Status.SUCCESS)
MAX_REQUEST_BYTES = 100_000
MAX_HEADER_BYTES = 8192
TOKEN = "the token of operators"
CODE = (
    USER_CODE
    + """

class Generator(Plain):
    def infer(self, inp, context):
        for number in range(int(inp.str_data)):
            yield GrpsMessage(str_data=f"{number} ")


inferer_register.register("generator", Generator())
"""
)
MODELS = ("echo", "sleeper", "raiser", "failing", "generator", "waiter")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of user code with small limits and an admin token."""
    models = [user_model(name) for name in MODELS]
    conf = {
        "interface": {"framework": "http+brpc", "host": "127.0.0.1", "port": "0,0"},
        "limits": {"max_request_bytes": MAX_REQUEST_BYTES, "max_header_bytes": MAX_HEADER_BYTES},
        "log": {"access": True},
    }
    folder = tmp_path_factory.mktemp("brpc")
    write_user_project(folder, models, conf, dag=["echo-1.0.0"], code=CODE)
    with serving(folder, GRPS_ADMIN_TOKEN=TOKEN) as running:
        yield running


@pytest.fixture
def connection(server: RunningServer) -> Iterator[Connection]:
    with connect(server.ports[1]) as connection:
        yield connection


def text(value: str, model: str = "") -> GrpsMessage:
    return GrpsMessage(str_data=value, model=model)


@pytest.mark.parametrize("service", [SERVICE, "GrpsBrpcService"])
@pytest.mark.parametrize("port", [0, 1])
def test_every_port_serves_both_names(server: RunningServer, service: str, port: int) -> None:
    with connect(server.ports[port]) as connection:
        answer = connection.call(Call(message=text("héllo"), service=service, id=port))
    assert (answer.id, answer.message) == (port, GrpsMessage(status=OK, str_data="héllo"))


@pytest.mark.parametrize("compression", [NONE, SNAPPY, GZIP, ZLIB])
def test_payloads_are_compressed_both_ways(connection: Connection, compression: int) -> None:
    message = GrpsMessage(bin_data=b"some bytes " * 5000)
    answer = connection.call(Call(message=message, compression=compression))
    assert answer.compression == compression
    assert answer.message.bin_data == message.bin_data
    assert (len(answer.payload) < 10_000) == (compression != NONE)


@pytest.mark.parametrize("compression", [GZIP, ZLIB, SNAPPY])
def test_what_grows_over_the_limit_is_refused(connection: Connection, compression: int) -> None:
    bomb = bytes(50_000_000)
    packed = {
        GZIP: gzip.compress(bomb),
        ZLIB: zlib.compress(bomb),
        # The size that it claims alone decides.
        SNAPPY: varint(2**32 - 1) + b"\0a",
    }[compression]
    answer = connection.call(Call(message=packed, compression=compression))
    assert answer.code == 1003
    assert f"limits.max_request_bytes ({MAX_REQUEST_BYTES} bytes)" in answer.text
    garbage = connection.call(Call(message=b"\x07garbage", compression=compression))
    assert (garbage.code, "is not valid" in garbage.text) == (1003, True)


def test_so_many_calls_of_a_connection_are_in_flight(
    server: RunningServer, connection: Connection
) -> None:
    def in_flight() -> int:
        row = 'grps_requests_in_flight{model="waiter-1.0.0",protocol="brpc"} '
        lines = httpx.get(server.url("/metrics")).text.splitlines()
        return next((int(line.split()[-1]) for line in lines if line.startswith(row)), 0)

    with connect(server.ports[0]) as flooding:
        flooding.send(*(Call(message=text("x", "waiter"), id=i) for i in range(1030)))
        wait_until(lambda: in_flight() == 1024, "all places are taken")
        flooding.send(Call("CheckLiveness"))
        assert connection.call(Call("CheckLiveness")).code == 0
        assert in_flight() == 1024
    # The end of a connection is seen although its next frame waits for a place.
    wait_until(lambda: in_flight() <= 1, "all but the one that runs are cancelled")


def test_answers_overtake_each_other(server: RunningServer, connection: Connection) -> None:
    slow = Call(message=text("x", "waiter"), id=2**63 - 1)
    connection.send(slow, *(Call(message=text(str(i)), id=i) for i in range(200)))
    fast = {
        answer.id: answer.message.str_data for answer in (connection.receive() for _ in range(200))
    }
    assert fast == {i: str(i) for i in range(200)}
    server.release()
    answer = connection.receive()
    assert (answer.id, answer.message.str_data) == (2**63 - 1, "released")


def test_negative_correlation_ids_come_back(connection: Connection) -> None:
    assert connection.call(Call(message=text("x"), id=-1)).id == 2**64 - 1


def test_an_attachment_is_the_binary_data(connection: Connection) -> None:
    attachment = bytes(range(256)) * 10
    answer = connection.call(Call(message=GrpsMessage(model="echo"), attachment=attachment))
    assert answer.message.bin_data == attachment
    both = connection.call(Call(message=text("x"), attachment=attachment))
    assert (both.code, "send one of them" in both.text) == (1003, True)
    packed = Call(message=GrpsMessage(model="echo"), attachment=b"raw", compression=GZIP)
    assert connection.call(packed).message.bin_data == b"raw"


def test_payloads_come_in_chunks(connection: Connection) -> None:
    payload = text("0123456789" * 100).SerializeToString()
    parts = [payload[i : i + 100] for i in range(0, len(payload), 100)]
    ids = [*range(len(parts) - 1), LAST]
    calls = [Call(message=part, id=9, chunk=(5, i)) for part, i in zip(parts, ids, strict=True)]
    # Other calls come in between.
    for call in calls:
        connection.send(call, Call(message=text("between")))
    answers = [connection.receive() for _ in range(len(calls) + 1)]
    (whole,) = [answer for answer in answers if answer.id == 9]
    assert whole.message.str_data == "0123456789" * 100


def test_the_size_limit_is_that_of_all_chunks(connection: Connection) -> None:
    half = bytes(MAX_REQUEST_BYTES // 2)
    connection.send(
        Call(message=half, id=1, chunk=(5, 0)), Call(message=half, id=1, chunk=(5, LAST))
    )
    # As many bytes as are allowed, though they are no message.
    fitting = connection.receive()
    assert (fitting.code, "is larger than" in fitting.text) == (1003, False)
    connection.send(
        Call(message=half, id=2, chunk=(6, 0)), Call(message=half + b"x", id=2, chunk=(6, LAST))
    )
    refused = connection.receive()
    assert (refused.id, refused.code, "is larger than" in refused.text) == (2, 1003, True)


def test_the_size_limits_are_exact(connection: Connection) -> None:
    framing = GrpsMessage(bin_data=bytes(MAX_REQUEST_BYTES)).ByteSize() - MAX_REQUEST_BYTES
    largest = GrpsMessage(bin_data=bytes(MAX_REQUEST_BYTES - framing))
    assert connection.call(Call(message=largest)).message.bin_data == largest.bin_data
    for excess in (1, 1_000_000):
        larger = GrpsMessage(bin_data=largest.bin_data + bytes(excess))
        answer = connection.call(Call(message=larger, id=excess))
        assert (answer.id, answer.code) == (excess, 1003)
    # The connection is as good as before.
    assert connection.call(Call(message=text("x"))).message.str_data == "x"


def test_the_limit_of_the_meta_is_exact(server: RunningServer) -> None:
    def of_size(size: int) -> bytes:
        call = data(1, Call(method="CheckLiveness").request()) + number(4, 1)
        return call + data(100, bytes(size - len(call) - 4))

    for size, is_served in ((MAX_HEADER_BYTES, True), (MAX_HEADER_BYTES + 1, False)):
        meta = of_size(size)
        assert len(meta) == size
        with connect(server.ports[0]) as connection:
            connection.send(frame(meta))
            assert connection.receive().code == 0 if is_served else connection.is_ended()


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (Call(service="GrpsService"), 1001, "there is no service GrpsService"),
        (Call(method="Nope"), 1002, "there is no method Nope; call one of Predict, "),
        (Call(message=b"\xff\xff"), 1003, ""),
        (Call(compression=9), 1003, "compress_type 9 is not supported"),
        (Call(method="PredictByHttp"), 1003, "PredictByHttp is served over HTTP only"),
        (Call(message=text("31", "sleeper"), timeout_ms=200), 1008, ""),
        (Call(method="Offline"), 1004, "send the admin token"),
        (Call(method="Offline", authentication=b"wrong"), 1004, "the admin token is wrong"),
        (Call(chunk=(1, 3)), 1003, "chunk_id is 3"),
        (Call(user_fields={"x-grps-priority": "high"}), 1003, "X-Grps-Priority must be"),
        (frame(number(4, 5)), 1003, "the meta of the frame has no request"),
        (frame(data(1, Call().request()) + number(4, 5) + data(8, b"")), 1003, "streams of bRPC"),
        (frame(data(1, Call().request()) + number(4, 5) + number(5, -1)), 1003, "attachment_size"),
    ],
)
def test_errors_have_codes(
    connection: Connection, call: Call | bytes, code: int, message: str
) -> None:
    answer = connection.call(call)
    assert (answer.code, answer.payload, "\n" in answer.text) == (code, b"", False)
    assert answer.text.startswith(message)
    assert connection.call(Call(message=text("x"))).message.str_data == "x"


@pytest.mark.parametrize(
    ("model", "code", "message"),
    [
        ("nope-1.0.0", 404, "Model nope-1.0.0 not found; models: echo-1.0.0, "),
        ("raiser", 500, "ValueError: boom from inferer (request id "),
        ("failing", 500, "user error msg"),
    ],
)
def test_failures_of_models_are_in_the_message(
    connection: Connection, model: str, code: int, message: str
) -> None:
    status = connection.call(Call(message=text("x", model))).message.status
    assert (status.code, status.status) == (code, Status.FAILURE)
    assert status.msg.startswith(message)


def test_a_streamed_model_answers_with_its_pieces_joined(connection: Connection) -> None:
    assert connection.call(Call(message=text("3", "generator"))).message.str_data == "0 1 2 "


def test_the_other_methods(server: RunningServer, connection: Connection) -> None:
    def call(method: str, message: GrpsMessage | bytes = b"") -> GrpsMessage:
        return connection.call(Call(method, message, authentication=TOKEN.encode())).message

    unready = Status(code=503, msg="Service Unavailable", status=Status.FAILURE)
    assert call("CheckReadiness") == GrpsMessage(status=OK)
    assert call("Offline") == GrpsMessage(status=OK)
    assert call("CheckReadiness") == GrpsMessage(status=unready)
    assert call("CheckLiveness") == GrpsMessage(status=OK)
    assert call("Online") == GrpsMessage(status=OK)
    assert call("CheckReadiness") == GrpsMessage(status=OK)
    conf = server.folder / "conf"
    expected = [(conf / name).read_text() for name in ("inference.yml", "server.yml")]
    assert call("ServerMetadata").str_data == "\n".join(expected)
    assert "inferer_name: echo\n" in call("ModelMetadata", text("echo")).str_data
    assert call("ModelMetadata", text("nope")).status.code == 404


def test_a_client_that_disconnects_cancels_its_calls(server: RunningServer) -> None:
    with connect(server.ports[0]) as connection:
        connection.send(Call(message=text("33", "sleeper")))
        wait_until(lambda: "33" in server.noted("started"), "user code runs")
    wait_until(lambda: "33" in server.noted("disconnected"), "user code sees it")


def test_what_clients_call_a_request_is_logged(
    server: RunningServer, connection: Connection
) -> None:
    for call, expected in (
        (Call(message=text("x", "raiser"), log_id=4711), "4711"),
        (Call(message=text("x", "raiser"), log_id=1, request_id="my-brpc-id"), "my-brpc-id"),
        (Call(message=text("x", "raiser"), user_fields={"X-Request-Id": "field"}), "field"),
    ):
        status = connection.call(call).message.status
        assert status.msg.endswith(f"(request id {expected})")
    expected = f'id="my-brpc-id" method=PRPC path="/{SERVICE}/Predict" status=0 '
    wait_until(lambda: expected in server.log(), "the access is logged")


def test_calls_are_counted(server: RunningServer, connection: Connection) -> None:
    connection.call(Call(message=text("x")))
    metrics = httpx.get(server.url("/metrics")).text
    line = 'grps_requests_total{model="echo-1.0.0",protocol="brpc",status="200"}'
    assert any(row.startswith(line) for row in metrics.splitlines())


@pytest.mark.parametrize("name", [SERVICE, "GrpsBrpcService"])
def test_http_in_the_style_of_brpc(server: RunningServer, name: str) -> None:
    url = server.url(f"/{name}/Predict")
    answer = httpx.post(url, json={"str_data": "hi"})
    assert (answer.status_code, answer.json()["str_data"]) == (200, "hi")
    for kind in ("application/proto", "application/x-protobuf"):
        message = GrpsMessage(bin_data=b"\0\xff")
        answer = httpx.post(
            url, content=message.SerializeToString(), headers={"Content-Type": kind}
        )
        assert GrpsMessage.FromString(answer.content) == GrpsMessage(status=OK, bin_data=b"\0\xff")
    failed = httpx.post(url, json={"str_data": "x", "model": "raiser"})
    assert (failed.status_code, failed.json()["status"]["code"]) == (200, 500)
    offline = server.url(f"/{name}/Offline")
    online = server.url(f"/{name}/Online")
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.post(online, headers=bearer).json()["status"]["code"] == 200
    for refused, status, code in (
        (httpx.post(server.url(f"/{name}/Nope")), 404, "1002"),
        (httpx.post(url, content=b"x", headers={"Content-Type": "text/csv"}), 400, "1003"),
        (httpx.post(offline), 401, "1004"),
        (httpx.post(url, content=b"{"), 400, "1003"),
    ):
        assert (refused.status_code, refused.headers["x-bd-error-code"]) == (status, code)
        assert refused.headers["Content-Type"] == "text/plain"
    by_http = httpx.post(server.url(f"/{name}/PredictByHttp"), json={"str_data": "hi"})
    assert by_http.json()["str_data"] == "hi"


VALID = Call(message=text("x"), id=7, compression=0, chunk=(1, LAST)).frame()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    garbage=st.one_of(
        st.binary(max_size=64).map(lambda tail: b"PRPC" + tail),
        st.binary(max_size=64).map(frame),
        st.tuples(st.integers(4, len(VALID) - 1), st.integers(0, 255)).map(
            lambda change: VALID[: change[0]] + bytes([change[1]]) + VALID[change[0] + 1 :]
        ),
        st.integers(1, len(VALID) - 1).map(lambda end: VALID[:end]),
    )
)
def test_garbage_harms_no_one(server: RunningServer, garbage: bytes) -> None:
    with connect(server.ports[0]) as connection:
        connection.send(garbage)
    with connect(server.ports[0]) as connection:
        assert connection.call(Call(message=text("x"))).message.str_data == "x"


def test_bytes_after_which_no_frame_is_found_end_the_connection(server: RunningServer) -> None:
    for garbage in (b"GET / HTTP/1.1\r\n\r\n", frame(b"\xff"), b"PRPC\0\0\0\0\0\0\0\1x"):
        with connect(server.ports[0]) as connection:
            connection.send(Call(message=text("x"), id=3), garbage)
            assert connection.receive().id == 3
            assert connection.is_ended()


def test_a_service_that_ends_answers_what_it_has(tmp_path: Path) -> None:
    folder = write_user_project(tmp_path, [user_model("waiter")], dag=["waiter-1.0.0"])
    with serving(folder) as server, connect(server.ports[0]) as connection:
        connection.send(Call(message=text("x"), id=1))
        wait_until(lambda: "x" in server.noted("started"), "user code runs")
        server.process.terminate()
        wait_until(lambda: "draining" in server.log(), "the service drains")
        refused = connection.call(Call(message=text("y"), id=2))
        assert (refused.id, refused.code) == (2, 2003)
        server.release()
        answer = connection.receive()
        assert (answer.id, answer.message.str_data) == (1, "released")
        assert connection.is_ended()
        assert server.process.wait(20) == 0


def test_brpc_can_be_switched_off(tmp_path: Path) -> None:
    conf = {"brpc": {"enabled": False}}
    folder = write_user_project(tmp_path, [user_model("echo")], conf)
    with serving(folder) as server:
        with connect(server.ports[0]) as connection:
            connection.send(Call(message=text("x")))
            assert connection.socket.recv(100).startswith(b"HTTP/1.1 400")
        assert httpx.post(server.url("/GrpsBrpcService/Predict")).status_code == 404
