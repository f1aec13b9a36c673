"""Small parts of a request that would take much memory are refused before they do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
import requests

from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GrpsMessage
from tests.onnx_models import save_identity
from tests.support import GUARD_S, RunningServer, serving, user_model, write_user_project

COUNT = 1_000_000
REFUSED = "bytes of memory, which is twice its body"
MODELS = ["echo", "strings"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("amplified")
    path = save_identity(folder / "strings.onnx", "string")
    engine = {"name": "strings", "version": "1.0.0", "inferer_type": "onnxruntime"}
    identity = {"name": "identity", "version": "1.0.0", "inferer_type": "identity"}
    models = [user_model("echo"), {**engine, "inferer_path": str(path)}, identity]
    with serving(write_user_project(folder, models)) as running:
        yield running


def tensor(count: int) -> bytes:
    elements = b'"",' * (count - 1) + b'""'
    return b'{"gtensors":{"tensors":[{"dtype":"DT_STRING","shape":[%d],"flat_string":[%b]}]}}' % (
        count,
        elements,
    )


def nested(count: int) -> bytes:
    return b'{"ndarray":[' + b'"",' * (count - 1) + b'""]}'


def ask(server: RunningServer, model: str, body: bytes) -> requests.Response:
    headers = {"Content-Type": "application/json"}
    url = f"{server.url()}?model={model}"
    return requests.post(url, body, headers=headers, timeout=GUARD_S)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("form", [tensor, nested])
def test_many_strings_in_json(
    server: RunningServer, model: str, form: Callable[[int], bytes]
) -> None:
    assert ask(server, model, form(1000)).status_code == 200
    refused = ask(server, model, form(COUNT))
    assert refused.status_code == 413
    assert REFUSED in refused.json()["status"]["msg"]
    assert ask(server, model, form(1000)).status_code == 200


@pytest.mark.parametrize("form", [tensor, nested])
def test_many_strings_that_no_model_reads_take_little(
    server: RunningServer, form: Callable[[int], bytes]
) -> None:
    assert ask(server, "identity", form(400_000)).status_code == 200
    refused = ask(server, "identity", form(2_500_000))
    assert refused.status_code == 413
    assert REFUSED in refused.json()["status"]["msg"]


@pytest.mark.parametrize("model", MODELS)
def test_many_strings_in_protobuf(server: RunningServer, model: str) -> None:
    one = GenericTensor(dtype=DataType.DT_STRING, shape=[COUNT], flat_string=[""] * COUNT)
    with server.stub() as stub:
        with pytest.raises(grpc.RpcError) as refused:
            stub.Predict(GrpsMessage(model=model, gtensors={"tensors": [one]}))
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert REFUSED in str(refused.value.details())
        few = GenericTensor(dtype=DataType.DT_STRING, shape=[2], flat_string=["a", ""])
        answer = stub.Predict(GrpsMessage(model=model, gtensors={"tensors": [few]}))
    assert list(answer.gtensors.tensors[0].flat_string) == ["a", ""]


def test_many_entries_of_a_map(server: RunningServer) -> None:
    entries = ",".join(f'"{index:x}":""' for index in range(COUNT))
    refused = ask(server, "echo", f'{{"gmap":{{"s_s":{{{entries}}}}}}}'.encode())
    assert refused.status_code == 413
    assert REFUSED in refused.json()["status"]["msg"]


def test_many_tensors_of_a_message_that_python_reads(server: RunningServer) -> None:
    wire = GrpsMessage(model="echo").SerializeToString()
    tensors = b"\x0a\x00" * COUNT
    length = GrpsMessage(bin_data=tensors).SerializeToString()
    assert length[:1] == b"\x1a"  # the same frame as that of gtensors, but for its tag
    with server.channel() as channel:
        call: Any = channel.unary_unary("/grps.protos.v1.GrpsService/Predict")
        with pytest.raises(grpc.RpcError) as refused:
            call(wire + b"\x2a" + length[1:])
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
