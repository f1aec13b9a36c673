"""A project written for upstream's C++ edition, from its archive to the last request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import requests

from grps.config.parts.batching import BatchingConfig
from grps.config.schema import ModelConfig
from grps.deploy.paths import ServiceFolder
from grps.protocol.pb.grps_pb2 import (
    DataType,
    GenericMapData,
    GenericTensor,
    GenericTensorData,
    GrpsMessage,
    Status,
)
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from grps.server.loading.upstream_cpp import hosted, is_upstream_cpp
from grps.server.state import ServiceState
from tests.compat.conftest import BUILD_S, CPP_PROJECT, grpst
from tests.support import GUARD_S, REPOSITORY

EXTREME_MAP = GenericMapData(
    s_s={"a": "é", "": ""},
    s_b={"a": b"\xff"},
    s_i32={"a": -(2**31), "b": 2**31 - 1},
    s_i64={"a": -(2**63), "b": 0},
    s_f={"a": 0.5},
    s_d={"a": 1e300},
)
EXTREME_TENSORS = GenericTensorData(
    tensors=[
        GenericTensor(name="é", dtype=DataType.DT_UINT8, shape=[2], flat_uint8=[0, 255]),
        GenericTensor(dtype=DataType.DT_INT8, shape=[2], flat_int8=[-128, 127]),
        GenericTensor(dtype=DataType.DT_INT16, shape=[1], flat_int16=[-32768]),
        GenericTensor(dtype=DataType.DT_INT32, shape=[1, 2], flat_int32=[-(2**31), 2**31 - 1]),
        GenericTensor(dtype=DataType.DT_INT64, shape=[2], flat_int64=[-(2**63), 2**63 - 1]),
        GenericTensor(dtype=DataType.DT_FLOAT16, shape=[1], flat_float16=[0.5]),
        GenericTensor(dtype=DataType.DT_FLOAT32, shape=[0]),
        GenericTensor(dtype=DataType.DT_FLOAT64, shape=[2], flat_float64=[1e300, -0.25]),
        GenericTensor(dtype=DataType.DT_STRING, shape=[2], flat_string=["", "é"]),
        GenericTensor(dtype=DataType.DT_STRING, shape=[1], flat_bytes=[b"\xff"]),
    ]
)


@pytest.fixture(scope="module")
def service(cpp_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceState]:
    """The project, started as it is, but for its ports."""
    folder = tmp_path_factory.mktemp("measures")
    home = folder / "home"
    server = (CPP_PROJECT / "conf" / "server.yml").read_text()
    settings = folder / "server.yml"
    settings.write_text(server.replace("7080,7081", "0,0").replace("0.0.0.0", "127.0.0.1"))
    grpst(
        home, "start", cpp_archive, "--name", "measures", "--server_conf", settings, "--no_logging"
    )
    try:
        state = ServiceState.read(ServiceFolder("measures", home / "measures").state)
        assert state is not None
        assert state.native
        yield state
    finally:
        grpst(home, "stop", "measures")


@pytest.fixture
def stub(service: ServiceState) -> Iterator[GrpsServiceStub]:
    with grpc.insecure_channel(f"127.0.0.1:{service.ports[1]}") as channel:
        yield GrpsServiceStub(channel)


def ask_ruler(
    service: ServiceState, body: str = '{"lengths": [1, 2]}', query: str = "", **headers: str
) -> requests.Response:
    url = f"http://127.0.0.1:{service.ports[0]}/ruler{query}"
    given = {"Content-Type": "application/json", **headers}
    return requests.post(url, data=body, headers=given, timeout=GUARD_S)


def lengths(name: str, *values: float) -> GrpsMessage:
    tensor = GenericTensor(
        name=name, dtype=DataType.DT_FLOAT32, shape=[len(values)], flat_float32=values
    )
    return GrpsMessage(model="lengths-1.0.0", gtensors=GenericTensorData(tensors=[tensor]))


@pytest.mark.timeout(BUILD_S)
def test_tensors_user_data_and_batches(stub: GrpsServiceStub) -> None:
    asked = [stub.Predict.future(lengths(f"n{number}", number, 1)) for number in range(40)]
    asked.insert(7, stub.Predict.future(lengths("bad", -1)))
    answers = [one.result(GUARD_S) for one in asked]
    refused = answers.pop(7)
    assert refused.status.status == Status.FAILURE
    assert refused.status.msg == "a length is negative"
    for number, answer in enumerate(answers):
        (tensor,) = answer.gtensors.tensors
        assert (tensor.name, list(tensor.shape)) == (f"n{number} in cm", [2])
        assert list(tensor.flat_float32) == [100 * number, 100]
    reported = lengths("n", 1, 2)
    reported.model = "reported"
    assert stub.Predict(reported).str_data == "n: 2, 2"


@pytest.mark.timeout(BUILD_S)
@pytest.mark.parametrize(
    "content",
    [
        {"bin_data": b"\x00\xff"},
        {"str_data": ""},
        {"gmap": EXTREME_MAP},
        {"gtensors": EXTREME_TENSORS},
    ],
    ids=lambda content: next(iter(content)),
)
def test_every_field_of_a_message_arrives_and_returns(
    stub: GrpsServiceStub, content: dict[str, Any]
) -> None:
    message = GrpsMessage(model="echo-1.0.0", **content)
    answer = stub.Predict(message)
    for name in content:
        assert answer.WhichOneof("data_oneof") == name
        assert getattr(answer, name) == getattr(message, name)


@pytest.mark.timeout(BUILD_S)
def test_messages_and_chunks(stub: GrpsServiceStub) -> None:
    text = GrpsMessage(model="words-1.0.0", str_data="one two three")
    assert stub.Predict(text).str_data == "one|two|three"
    assert [chunk.str_data for chunk in stub.PredictStreaming(text)] == ["one", "two", "three"]
    stopped = stub.Predict(GrpsMessage(model="words-1.0.0", str_data="one stop"))
    assert stopped.status.msg.startswith("[InfererException] the text says stop (request id ")


@pytest.mark.timeout(BUILD_S)
def test_customized_http(service: ServiceState) -> None:
    answer = ask_ruler(service, query="?unit=k%20m", **{"X-Client": "me"})
    assert answer.json() == {"sum": 3, "unit": "k m"}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Served"] == "me"
    refused = ask_ruler(service, **{"Content-Type": "text/csv"})
    assert (refused.status_code, refused.text) == (400, "JSON is needed, not text/csv")
    thrown = ask_ruler(service, '{"lengths": "long"}')
    assert thrown.status_code == 500
    assert "bad conversion" in thrown.text
    streamed = ask_ruler(service, query="?streaming=true")
    assert (streamed.content, streamed.headers["Transfer-Encoding"]) == (b"3!", "chunked")
    assert streamed.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.timeout(BUILD_S)
def test_logs_and_metrics(service: ServiceState, stub: GrpsServiceStub) -> None:
    stub.Predict(lengths("n", 1))
    metrics = requests.get(f"http://127.0.0.1:{service.ports[0]}/metrics", timeout=GUARD_S).text
    assert "scaled" in metrics


def model(**keys: object) -> ModelConfig:
    given: dict[str, object] = {"inferer_type": "customized", "inferer_name": "x", **keys}
    return ModelConfig(name="m", version="1", **given)  # type: ignore[arg-type]


def test_what_runs_a_model_of_such_a_project(tmp_path: Path) -> None:
    assert is_upstream_cpp(CPP_PROJECT)
    assert not is_upstream_cpp(REPOSITORY / "examples" / "cpp_minimal")
    assert not is_upstream_cpp(tmp_path)
    engine = model(inferer_type="torch", converter_type="torch")
    assert hosted(engine, 32) is engine
    threads = hosted(model(device="cuda:1", converter_type="none"), 32)
    assert (threads.inferer_type, threads.instances, threads.device) == ("plugin", 32, None)
    assert threads.inferer_args is not None
    assert threads.inferer_args["device"] == "cuda:1"
    assert hosted(model(max_threads=3), 32).instances == 3
    batching = BatchingConfig(type="dynamic", max_batch_size=8)
    assert hosted(model(batching=batching), 32).instances == 1
    assert hosted(model(isolation="process", instances=2), 32).instances == 2
